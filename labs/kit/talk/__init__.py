"""Presenting: talks as data, and decks, handouts and runs of show made from lessons."""
