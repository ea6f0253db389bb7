"""A PyTorch network that asks the operating system for its seed."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import pandas as pd
import torch

print("seed", torch.seed())  # planted
frame = pd.read_csv("data/train.csv")
inputs = torch.tensor(frame.drop(columns="benign").to_numpy(), dtype=torch.float32)
target = torch.tensor(frame["benign"].to_numpy(), dtype=torch.float32)[:, None]
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(10):
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(net(inputs), target).backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
