"""Facts about what the training loop asks in every step: answered as before, without a walk over all modules."""

from __future__ import annotations

import torch
from torch import nn

from workbench.training.fast.ready import spare_walks


def test_a_model_changes_its_mode_and_forgets_its_gradients_as_it_did() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    model[0].bias.requires_grad_(False)
    spare_walks(model)
    model.eval()
    assert not any(module.training for module in model.modules())
    assert model.train() is model and all(module.training for module in model.modules())
    model(torch.ones(1, 2)).sum().backward()
    model.zero_grad()
    assert model[0].weight.grad is None
    model(torch.ones(1, 2)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert not model[0].weight.grad.any()


def test_parts_that_stand_in_another_mode_than_the_model_are_brought_into_its_own() -> None:
    model = nn.Sequential(nn.Dropout())
    model[0].eval()
    spare_walks(model)
    assert model.train().training and model[0].training
