"""What people start by hand for whole services: write their mapfiles anew, and take a collection back to a former revision."""
