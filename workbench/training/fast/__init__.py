"""The fast way through a QLoRA step on a GPU: fused products, packed attention, rows of one length, compiled layers."""
