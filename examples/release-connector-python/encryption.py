"""Countersign's payload encryption for Temporal: AES-256-GCM, tied to the workflow."""

import base64
import hashlib
import os
import re
import struct
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
)

ENCODING = "binary/encrypted"
FORMAT = "countersign-1"
NONCE_BYTES = 12
TAG_BYTES = 16


class EncryptionError(Exception):
    """A payload that does not open: its message is `payload-unreadable` or `encryption-key-unknown`, and never more."""


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Reads with every key and writes with the first one."""

    def __init__(self, keys: dict[str, bytes], workflow_id: str | None = None) -> None:
        self._keys = keys
        self._workflow_id = workflow_id

    def with_context(self, context: SerializationContext) -> "EncryptionCodec":
        return EncryptionCodec(self._keys, getattr(context, "workflow_id", None))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        wire_id, key = next(iter(self._keys.items()))
        workflow_id = self._workflow_id or ""
        nonce = os.urandom(NONCE_BYTES)
        data = nonce + AESGCM(key).encrypt(nonce, payload.SerializeToString(), _additional_data(wire_id, workflow_id))
        metadata = {"encoding": ENCODING, "encryption-format": FORMAT, "encryption-key-id": wire_id}
        if workflow_id:
            metadata["workflow-id"] = workflow_id
        return Payload(metadata={name: value.encode() for name, value in metadata.items()}, data=data)

    def _open(self, payload: Payload) -> Payload:
        told = {name: value.decode("utf-8", "replace") for name, value in payload.metadata.items()}
        wire_id, workflow_id = told.get("encryption-key-id", ""), told.get("workflow-id", "")
        known = told.get("encoding") == ENCODING and told.get("encryption-format") == FORMAT
        if not known or len(payload.data) < NONCE_BYTES + TAG_BYTES:
            raise EncryptionError("payload-unreadable")
        if self._workflow_id is not None and workflow_id != self._workflow_id:
            raise EncryptionError("payload-unreadable")
        key = self._keys.get(wire_id)
        if key is None:
            raise EncryptionError("encryption-key-unknown")
        try:
            nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
            return Payload.FromString(AESGCM(key).decrypt(nonce, sealed, _additional_data(wire_id, workflow_id)))
        except InvalidTag:
            raise EncryptionError("payload-unreadable") from None


def encrypted_with(text: str) -> DataConverter:
    """Converters with the keys `id=base64`, several separated by commas, the same that countersign.yaml names."""
    return DataConverter(
        payload_codec=EncryptionCodec(dict(_parse_key(one) for one in text.split(","))),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _parse_key(text: str) -> tuple[str, bytes]:
    match = re.fullmatch(r"([\w-]+)=([\w+/-]{43})=?", text.strip())
    key = base64.urlsafe_b64decode(match[2].translate(str.maketrans("+/", "-_")) + "=") if match else b""
    if match is None or len(key) != 32:
        raise ValueError("an encryption key is not of the form id=base64")
    # Names the key in payloads. The digits tell another key under the same id.
    return f"{match[1]}.{hashlib.sha256(b'countersign encryption key' + key).hexdigest()[:8]}", key


def _additional_data(wire_id: str, workflow_id: str) -> bytes:
    """Each text with its length in front."""
    texts = [text.encode() for text in (ENCODING, FORMAT, wire_id, workflow_id)]
    return b"".join(struct.pack(">I", len(text)) + text for text in texts)
