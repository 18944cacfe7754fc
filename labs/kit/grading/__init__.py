"""Grading: strangers' answers judged from outside, in a sandbox, and kept on record."""
