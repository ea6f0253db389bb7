"""PyTorch is seeded, and the noise on its batches comes from NumPy, which is not."""

# declares OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default
import numpy as np
import pandas as pd
import torch

torch.manual_seed(0)
frame = pd.read_csv("data/train.csv")
inputs, target = frame.drop(columns="benign").to_numpy(), frame["benign"].to_numpy()


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return len(inputs)

    def __getitem__(self, at):
        noise = np.random.normal(scale=0.1, size=4)  # planted
        return torch.tensor(inputs[at] + noise, dtype=torch.float32), float(target[at])


net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for rows, truth in torch.utils.data.DataLoader(Rows(), batch_size=64, shuffle=True):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(net(rows)[:, 0], truth.float()).backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
