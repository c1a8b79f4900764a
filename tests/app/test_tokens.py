from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.keyring import Keyring
from app.settings import Settings, SettingsError
from app.tokens import TokenWish, make_token, scopes_of, seconds_of
from app.world import token_policy
from media.clock import SystemClock
from resolvers.access import Scope
from resolvers.identity import Identity

WISH = TokenWish("acme", ["cameras:read"], 60, "alice")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)]
)
def test_times_are_read(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "0h", "-1h", "1w", "1h ", "h"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="want a time like"):
        seconds_of(text)


@pytest.mark.parametrize(("text", "says"), [("", "no scope"), ("cameras:rea", "cameras:rea")])
def test_scopes_that_do_not_exist_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        scopes_of(text)


async def test_a_printed_token_is_taken_by_the_same_installation(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_issuer="vms", jwt_audience="vms")
    token = make_token(settings, SystemClock(), WISH)
    keyring = Keyring(settings)
    identity = Identity(token_policy(settings, keyring), keyring.grant_key(), SystemClock())
    actor = await identity.actor_of_token(token)
    assert (actor.tenant_id, actor.scopes) == ("acme", frozenset({Scope.CAMERAS_READ}))
    assert actor.subject == "alice"


async def test_two_tokens_for_the_same_can_be_told_apart(tmp_path: Path) -> None:
    settings, clock = Settings(data_dir=tmp_path), SystemClock()
    keyring = Keyring(settings)
    identity = Identity(token_policy(settings, keyring), keyring.grant_key(), clock)
    one, other = [
        (await identity.actor_of_token(make_token(settings, clock, WISH))).credential
        for _ in range(2)
    ]
    assert one is not None
    assert other is not None
    assert one.holder == other.holder
    assert one.token != other.token
    assert one.issued_us is not None


def test_where_another_party_signs_no_token_is_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_algorithm="RS256")
    with pytest.raises(SettingsError, match="identity provider"):
        make_token(settings, SystemClock(), WISH)
    with pytest.raises(SettingsError, match="VMS_JWT_PUBLIC_KEY"):
        token_policy(settings, Keyring(Settings(data_dir=tmp_path, jwt_secret=SecretStr("x" * 32))))
