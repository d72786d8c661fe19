"""One citizen of the market: all IO, all local policy, speaking the language of `protocol`."""
