"""What ``reconcile`` does in the usual and the unusual cases, step by step, with a forge in memory."""

from __future__ import annotations

import estate
from estate import MODEL
from workshops import LOGINS, Workshop


def verbs(workshop: Workshop) -> list[str]:
    return [one.verb for one in workshop.reconcile().did]


def test_a_release_goes_all_the_way_by_a_pull_request_that_two_people_approve() -> None:
    shop = Workshop.new()
    made = shop.publish()
    assert verbs(shop) == ["promoted", "promoted", "opened"]
    assert shop.slot().current is None
    assert verbs(shop) == []
    shop.approve("grace")
    assert verbs(shop) == ["recorded", "updated"]
    assert verbs(shop) == []
    shop.approve("katherine")
    assert verbs(shop) == ["recorded", "merged", "sealed", "deleted"]
    assert (shop.slot().current, shop.slot().unsealed) == (made.id, False)
    assert verbs(shop) == []
    assert shop.problems() == set()
