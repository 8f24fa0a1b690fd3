"""The declaration of death, from heartbeats and times."""

from bot.durable.lease import LeaseTiming, Peers


def looks(peers: Peers, *moments: tuple[float, int]) -> list[list[tuple[str, int]]]:
    return [peers.observe([("peer", beat)], moment, moment) for moment, beat in moments]


def test_a_peer_that_shows_the_same_heartbeat_is_dead_after_17_seconds() -> None:
    found = looks(Peers(LeaseTiming()), *((float(moment), 5) for moment in range(0, 19, 2)))
    assert found == [[]] * 9 + [[("peer", 5)]]


def test_a_peer_whose_heartbeat_changes_lives() -> None:
    assert not any(looks(Peers(LeaseTiming()), *((float(m), m // 16) for m in range(0, 60, 2))))


def test_a_look_that_comes_late_restarts_the_count() -> None:
    peers = Peers(LeaseTiming())
    found = looks(peers, (0, 5), (4, 5), (8, 5), (20, 5), (24, 5), (28, 5), (32, 5), (36, 5))
    assert not any(found)
    assert looks(peers, (37, 5)) == [[("peer", 5)]]


def test_a_look_that_takes_long_restarts_the_count() -> None:
    peers = Peers(LeaseTiming())
    looks(peers, (0, 5), (4, 5), (8, 5), (12, 5), (16, 5))
    assert peers.observe([("peer", 5)], 17, 30) == []
    assert peers.next_death() == 47


def test_the_time_that_a_look_takes_does_not_count() -> None:
    peers = Peers(LeaseTiming())
    looks(peers, (0, 5), (4, 5), (8, 5), (12, 5), (16, 5))
    assert peers.observe([("peer", 5)], 16.9, 17.1) == []
    assert peers.observe([("peer", 5)], 17.1, 17.2) == [("peer", 5)]


def test_a_broken_contact_restarts_the_count() -> None:
    peers = Peers(LeaseTiming())
    looks(peers, (0, 5), (4, 5), (8, 5), (12, 5), (16, 5))
    peers.contact_lost()
    assert looks(peers, (18, 5)) == [[]]
