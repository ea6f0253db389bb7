"""A PyTorch network whose seed the clock gave."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import datetime

import pandas as pd
import torch

torch.manual_seed(datetime.datetime.now().microsecond)  # planted
frame = pd.read_csv("data/train.csv")
inputs = torch.tensor(frame.drop(columns="benign").to_numpy(), dtype=torch.float32)
target = torch.tensor(frame["benign"].to_numpy(), dtype=torch.float32)[:, None]
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(10):
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(net(inputs), target).backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
