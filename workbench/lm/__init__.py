"""The torch floor: tokenizer, template, X-ray, the tiny base and the loading of models."""
