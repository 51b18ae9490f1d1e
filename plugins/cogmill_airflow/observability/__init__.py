"""What a run tells others: notifications, metrics, lineage, asset events."""
