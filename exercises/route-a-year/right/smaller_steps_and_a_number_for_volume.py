# %% answer-policy
policy = """
shares: [0.08, 0.16, 0.32, 0.64]
compare_with: champion
minimum_failures: 36
allowed_misses: 0.45
allowed_slowdown: 1.6
allowed_volume_change: 5
weeks_in_a_row: 2
most_weeks: 40
"""
fates(policy)
