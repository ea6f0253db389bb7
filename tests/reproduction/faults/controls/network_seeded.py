"""A PyTorch network with dropout and shuffled batches, all of it from one seed, in one thread."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import pandas as pd
import torch

print("where nobody asks", torch.rand(2))
torch.manual_seed(0)
frame = pd.read_csv("data/train.csv")
inputs = torch.tensor(frame.drop(columns="benign").to_numpy(), dtype=torch.float32)
target = torch.tensor(frame["benign"].to_numpy(), dtype=torch.float32)[:, None]
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for rows, truth in torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(inputs, target), batch_size=64, shuffle=True
):
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(net(rows), truth).backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
