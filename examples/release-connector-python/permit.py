"""Verifies permits of Countersign's executor."""

import json
import time
from pathlib import Path
from typing import Any

import jwt

CLOCK_SKEW_SECONDS = 30
LONGEST_LIFETIME_SECONDS = 120


class PermitError(Exception):
    """A permit that does not hold, with the reason."""


def verify_permit(jws: Any, jwks_file: Path, audience: str, action: str) -> dict[str, Any]:
    """Returns the claims of a permit whose signature, type, issuer, audience and action hold.

    Whether it is still in time is for `is_current`, whether it was used before for the store.
    """
    if not isinstance(jws, str) or len(jws) > 262_144:
        raise PermitError("not there")
    try:
        header = jwt.get_unverified_header(jws)
        # The file also holds keys that sign plans and decisions; those cannot order an execution.
        # It is read each time, so that a key that was taken out or marked compromised stops counting at once.
        keys = [
            key
            for key in json.loads(jwks_file.read_text("utf-8"))["keys"]
            if key.get("kid") is not None and key["kid"] == header.get("kid")
            and key.get("countersign_role") == "executor" and key.get("crv") == "Ed25519"
            and key.get("countersign_status") != "compromised"
        ]
        if len(keys) != 1:
            raise PermitError("signed by nobody we trust")
        claims = jwt.decode(
            jws,
            jwt.PyJWK(keys[0], algorithm="EdDSA").key,
            algorithms=["EdDSA"],
            audience=audience,
            issuer="countersign-executor",
            options={
                "require": ["iss", "aud", "jti", "iat", "exp"],
                # A repeated permit is answered even after its time; see is_current.
                "verify_exp": False,
                "verify_iat": False,
            },
        )
    except PermitError:
        raise
    except (jwt.InvalidTokenError, jwt.PyJWKError, ValueError) as error:
        raise PermitError(f"not valid ({type(error).__name__})") from None
    if claims["iat"] >= keys[0].get("countersign_retired_at", float("inf")):
        raise PermitError("signed by a key that was retired")
    if header.get("typ") != "countersign-permit+jwt":
        raise PermitError("signed for another purpose")
    if claims.get("action") != action:
        raise PermitError("for another action")
    resource = claims.get("resource")
    complete = (
        all(isinstance(claims.get(name), str) for name in ("jti", "aud", "actionId", "actionDigest"))
        and all(type(claims.get(name)) is int for name in ("iat", "exp"))
        and isinstance(resource, dict)
        and isinstance(resource.get("type"), str)
        and isinstance(resource.get("id"), str)
        and isinstance(claims.get("parameters"), dict)
    )
    if not complete:
        raise PermitError("incomplete")
    return claims


def is_current(permit: dict[str, Any]) -> bool:
    """True when the permit may be used now."""
    now = time.time()
    return (
        permit["iat"] <= now + CLOCK_SKEW_SECONDS
        and now < permit["exp"] + CLOCK_SKEW_SECONDS
        and permit["exp"] - permit["iat"] <= LONGEST_LIFETIME_SECONDS
    )
