# caught by: harms_few
# %% answer-policy
policy = """
shares: [0.5, 1.0]
compare_with: champion
minimum_failures: 40
allowed_misses: 0.45
allowed_slowdown: 1.8
allowed_volume_change: never
weeks_in_a_row: 1
most_weeks: 30
"""
fates(policy)
