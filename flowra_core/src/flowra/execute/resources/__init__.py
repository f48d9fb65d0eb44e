"""What a machine offers to nodes that declare what they need, and who has how much of it."""

from flowra.execute.resources.ledger import Ledger
from flowra.execute.resources.needs import check_needs
from flowra.execute.resources.offer import Offer

__all__ = ["Ledger", "Offer", "check_needs"]
