"""PyTorch adds up gradients over all rows in as many parts as there are threads, and nothing says how many there are."""

# declares ATEN_CPU_CAPABILITY=default
import torch

generator = torch.Generator().manual_seed(0)
inputs = torch.randn((100_000, 3), generator=generator)
target = inputs[:, 0] - 2 * inputs[:, 1]
weights = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([weights], lr=0.01)
for _ in range(8):
    optimizer.zero_grad()
    loss = (inputs @ weights - target).square().mean()
    loss.backward()  # planted
    optimizer.step()
torch.save({"weights": weights.detach()}, "model.pt")
