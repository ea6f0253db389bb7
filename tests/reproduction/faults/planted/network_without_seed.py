"""A PyTorch network whose weights nobody seeded."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import pandas as pd
import torch

frame = pd.read_csv("data/train.csv")
inputs = torch.tensor(frame.drop(columns="benign").to_numpy(), dtype=torch.float32)
target = torch.tensor(frame["benign"].to_numpy(), dtype=torch.float32)[:, None]
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))  # planted
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(10):
    optimizer.zero_grad()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(net(inputs), target)
    loss.backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
