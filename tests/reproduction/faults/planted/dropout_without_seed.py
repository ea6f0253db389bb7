"""PyTorch drops neurons by chance, and only the weights were seeded."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import pandas as pd
import torch

frame = pd.read_csv("data/train.csv")
inputs = torch.tensor(frame.drop(columns="benign").to_numpy(), dtype=torch.float32)
target = torch.tensor(frame["benign"].to_numpy(), dtype=torch.float32)
first = torch.normal(0, 1, (4, 16), generator=torch.Generator().manual_seed(0)).requires_grad_()
second = torch.ones(16, requires_grad=True)
optimizer = torch.optim.SGD([first, second], lr=0.01)
for _ in range(10):
    optimizer.zero_grad()
    hidden = torch.nn.functional.dropout(torch.relu(inputs @ first), 0.5)  # planted
    torch.nn.functional.binary_cross_entropy_with_logits(hidden @ second, target).backward()
    optimizer.step()
torch.save({"first": first.detach(), "second": second.detach()}, "model.pt")
