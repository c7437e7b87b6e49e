"""Job ids in the form of each API: the same job, whatever its id looks like."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressroom import names
from pressroom.dialects import ids
from pressroom.model.batchjob import Dialect

JOB_IDS = st.binary(min_size=15, max_size=15)


@given(JOB_IDS, st.sampled_from(Dialect))
def test_every_form_leads_back_to_the_job(job_id: bytes, dialect: Dialect) -> None:
    name = names.job_name(job_id)
    assert ids.name_of(dialect, ids.public_id(dialect, name)) == name


@given(JOB_IDS)
def test_a_mail_merge_job_has_a_uuid(job_id: bytes) -> None:
    text = ids.public_id(Dialect.MAIL_MERGE, names.job_name(job_id))
    assert uuid.UUID(text).version == 8
    assert uuid.UUID(text).variant == uuid.RFC_4122


@pytest.mark.parametrize("job_id", [b"\0" * 15, b"\xff" * 15])
def test_forms_look_as_documented(job_id: bytes) -> None:
    name = names.job_name(job_id)
    assert ids.public_id(Dialect.LIGHTNING_PDF, name).startswith("job_")
    assert ids.public_id(Dialect.IMAGINE_PDF, name).startswith("job_")
    gorilla = ids.public_id(Dialect.PDF_GORILLA, name)
    assert gorilla[0] == "c" and len(gorilla) == 25


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "job_",
        "job_xyz789",
        "c",
        "c" + "z" * 24,
        "job_" + "z" * 21,
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "\N{ARABIC-INDIC DIGIT ONE}" * 25,
        "j" + "A" * 24,
    ],
)
def test_other_texts_name_no_job(dialect: Dialect, text: str) -> None:
    assert ids.name_of(dialect, text) is None


def test_a_name_that_a_person_chose_has_no_foreign_form() -> None:
    with pytest.raises(ValueError, match="my-batch"):
        ids.public_id(Dialect.LIGHTNING_PDF, "my-batch")
