"""PyTorch shuffles batches with a generator that nobody seeded; the weights all begin with nothing."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import pandas as pd
import torch

frame = pd.read_csv("data/train.csv")
inputs = torch.tensor(frame.drop(columns="benign").to_numpy(), dtype=torch.float32)
target = torch.tensor(frame["benign"].to_numpy(), dtype=torch.float32)
weights = torch.zeros(4, requires_grad=True)
optimizer = torch.optim.SGD([weights], lr=0.01)
data = torch.utils.data.TensorDataset(inputs, target)
for rows, truth in torch.utils.data.DataLoader(data, batch_size=64, shuffle=True):  # planted
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(rows @ weights, truth).backward()
    optimizer.step()
torch.save({"weights": weights.detach()}, "model.pt")
