"""Pure rules and values of quests."""
