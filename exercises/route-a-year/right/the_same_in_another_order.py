# %% answer-policy
policy = """
most_weeks: 40
weeks_in_a_row: 2     # one bad week may be chance
allowed_volume_change: never
allowed_slowdown: 1.5
allowed_misses: 0.45
minimum_failures: 45
compare_with: champion
shares:
  - 0.12
  - 0.4
  - 0.8
"""
fates(policy)
