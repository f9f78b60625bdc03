"""Experiments on feature flags: assign, expose, analyse, decide."""
