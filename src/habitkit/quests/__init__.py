"""Quests: rewards as data, quests, badges and levels."""
