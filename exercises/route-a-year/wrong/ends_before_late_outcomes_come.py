# caught by: waits_for_late_outcomes
# %% answer-policy
policy = """
shares: [0.1, 0.5]
compare_with: champion
minimum_failures: 40
allowed_misses: 0.45
allowed_slowdown: 1.8
allowed_volume_change: never
weeks_in_a_row: 1
most_weeks: 14
"""
fates(policy)
