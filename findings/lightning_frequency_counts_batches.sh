#!/usr/bin/env bash
# What surprises: with interval "step", `frequency` of a Lightning scheduler is compared with the number
# of the batch in its epoch, while the scheduler is stepped after optimizer updates only. With
# `accumulate_grad_batches=4` frequency 2 is the same as 1, and 3 never steps the scheduler at all.
# Why it matters: switching accumulation on, to fit a larger batch, changes or stops the schedule, and
# nothing says so.
# What one expects: the documentation: how many steps pass between calls of the scheduler, where a step
# is an optimizer update.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 lightning==2.6.6 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import logging
import warnings

warnings.simplefilter("ignore")
import lightning
import torch

logging.disable(logging.WARNING)


class Model(lightning.LightningModule):
    def __init__(self, frequency):
        super().__init__()
        self.w, self.frequency, self.rates = torch.nn.Parameter(torch.zeros(1)), frequency, []

    def training_step(self, batch, index):
        return (self.w * batch[0]).sum()

    def configure_optimizers(self):
        opt = torch.optim.SGD([self.w], lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(opt, 0.5)
        options = {"scheduler": scheduler, "interval": "step", "frequency": self.frequency}
        return {"optimizer": opt, "lr_scheduler": options}

    def optimizer_step(self, *args, **kwargs):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        super().optimizer_step(*args, **kwargs)


def rates(frequency, accumulated):
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(10, 1)))
    model = Model(frequency)
    quiet = dict.fromkeys(
        ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False
    )
    trainer = lightning.Trainer(
        max_epochs=2, accumulate_grad_batches=accumulated, accelerator="cpu", **quiet
    )
    trainer.fit(model, data)
    return model.rates


print("lightning", lightning.__version__, "- rates; 10 batches an epoch, accumulated by 4: 6 updates")
found = {f: rates(f, 4) for f in (1, 2, 3)}
for frequency, used in found.items():
    print("frequency", frequency, used)
print("frequency 2 without accumulation", plain := rates(2, 1)[:6])
assert plain == [1, 1, 0.5, 0.5, 0.25, 0.25] and found[1] == [0.5**k for k in range(6)]
assert found[2] == found[1] and found[3] == [1] * 6, "the behaviour has changed"
PROGRAM
