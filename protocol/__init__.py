"""The language of the market: pure rules for what people sign and how it travels.

Nothing in here does IO, reads a clock or draws randomness; everything is handed in. A second
implementation needs `docs/protocol/` and `tests/vectors/`, and nothing from `node/`.
"""
