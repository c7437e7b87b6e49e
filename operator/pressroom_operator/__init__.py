"""The operator: accepts jobs, cuts them into shards, schedules them, and writes every status.

It never renders, never touches PDF bytes and never calls a webhook.
"""
