"""The defects that are sown: each would cost somebody a key, an outage or a leak."""

from keypool_lab.mutants.defect import Defect

RULES = "tests/unit/core/test_rules_{}.py"
CLUSTER = "tests/cluster/test_{}.py"


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "the intent is not stored before the create call",
        "reconcile/perform.py",
        "await this.handle.update(lambda _: plan.ledger)",
        "this.handle.ledger = plan.ledger",
        (CLUSTER.format("operator_key_life") + " -k before_the_provider",),
    ),
    Defect(
        "a key is published before it is probed",
        "core/rules/publication.py",
        "        if check is not None and check.accepted:\n            ledger = _take_slot",
        "        if check is None or check.accepted:\n            ledger = _take_slot",
        (RULES.format("publication"),),
    ),
    Defect(
        "a key is revoked before its successor is published",
        "core/rules/retirement.py",
        "    if not any(key.published_at for key in ledger.inside(KeyState.ACTIVE)):",
        "    if not ledger.keys:",
        (RULES.format("retirement"),),
    ),
    Defect(
        "NotFound is believed without a probe",
        "reconcile/revocation.py",
        "    if record.value is not None:\n        return await timed(",
        "    if answer is Revocation.NOT_FOUND:\n        return True\n    if record.value is not None:\n"
        "        return await timed(",
        (CLUSTER.format("operator_key_life") + " -k cannot_find",),
    ),
    Defect(
        "somebody else's Secret is overwritten",
        "core/ownership.py",
        "    if controlled or not (ours or adopt):",
        "    if controlled:",
        ("tests/unit/core/test_ownership.py",),
    ),
    Defect(
        "the overlap is halved",
        "core/rules/retirement.py",
        "else key.unpublished_at + o.effective.overlap_min",
        "else key.unpublished_at + o.effective.overlap_min / 2",
        (RULES.format("retirement"),),
    ),
    Defect(
        "the cache does not learn of our own writes",
        "reconcile/objects.py",
        "        raise\n    this.world.cache.upsert(Kind.POOL, stored)",
        "        raise\n    stored.clear()",
        (CLUSTER.format("operator_requests"),),
    ),
    Defect(
        "a conflict at the ledger is ignored",
        "cluster/ledgers.py",
        "            return await self._put_over(path, body, snapshot, last)",
        "            return body",
        (CLUSTER.format("bad_ledger") + " -k edited_while",),
    ),
    Defect(
        "the finalizer goes before the keys are revoked",
        "core/rules/deletion.py",
        "    if waiting or not o.may(",
        "    if not o.may(",
        (RULES.format("deletion"),),
    ),
    Defect(
        "writes are sent after the Lease ran out",
        "app.py",
        "client.time_for_writes = leadership.must_lead",
        "client.time_for_writes = lambda: 60.0",
        ("tests/cluster/test_operator_ends.py",),
    ),
    Defect(
        "a Lease is taken while its holder renews it",
        "cluster/election.py",
        "    return now - seen.since >= max(record.duration, timing.duration)",
        "    return True",
        ("tests/unit/test_election.py",),
    ),
    Defect(
        "a rejection revokes at once",
        "core/lifecycle.py",
        "Transition(S.ACTIVE, E.FAILED, S.WITHDRAWN, Effect.UNPUBLISH)",
        "Transition(S.ACTIVE, E.FAILED, S.REVOKING, Effect.REVOKE)",
        (RULES.format("health"),),
    ),
    Defect(
        "an ambiguous answer counts against a key",
        "reconcile/keys.py",
        '        note_failure(this, f"probe:{record.name}", entry.uid, error)\n        return False',
        "        this.memory.checked(record.name, this.world.now(), False)\n        return False",
        (CLUSTER.format("operator_health") + " -k ambiguous",),
    ),
    Defect(
        "a lost answer is taken for a refusal",
        "reconcile/keys.py",
        "    elif isinstance(error, Ambiguous):",
        "    elif isinstance(error, Unreadable):",
        (CLUSTER.format("bad_answers") + " -k usable_answer",),
    ),
    Defect(
        "an intent of an earlier leadership is forgotten",
        "core/rules/intents.py",
        "key.epoch != o.epoch or key.name in o.sent]",
        "key.name in o.sent]",
        (RULES.format("intents"),),
    ),
    Defect(
        "the primary moves without need",
        "core/projection.py",
        "        return ledger.primary if candidates else None\n    left",
        "        return candidates[0].name if candidates else None\n    left",
        ("tests/unit/core/test_projection.py",),
    ),
    Defect(
        "a Secret from a newer ledger is overwritten",
        "core/ownership.py",
        "(view.ledger_revision or 0) > ledger.revision",
        "(view.ledger_revision or 0) > ledger.revision + 1000",
        ("tests/unit/core/test_ownership.py",),
    ),
    Defect(
        "the overlap goes on although the old value was put back",
        "core/rules/publication.py",
        "_drain_anew(plan.ledger) if _is_tampered(o) else plan.ledger",
        "plan.ledger",
        (RULES.format("publication"),),
    ),
    Defect(
        "there is no bound on live keys",
        "core/rules/creation.py",
        "    return max(bound(o, ledger) - len(ledger.keys), 0 if served else 1)",
        "    return max(bound(o, ledger), 0 if served else 1)",
        (RULES.format("creation"),),
    ),
    Defect(
        "keys are revoked by a clock that may be wrong",
        "core/trust.py",
        "    return o.clocks_agree and from_the_future(o.ledger, now) is None",
        "    return True",
        ("tests/unit/core",),
    ),
    Defect(
        "an Event shows a key's value",
        "core/history.py",
        '    return f"{key.print or key.name} in slot {key.slot}"',
        '    return f"{key.value.get_secret_value() if key.value else key.name} in slot {key.slot}"',
        (CLUSTER.format("operator_secrecy") + " -k no_secret_value_is_in_logs",),
    ),
    Defect(
        "a suspended pool goes on revoking",
        "core/rules/retirement.py",
        '    reason = "suspended" if o.spec.suspend else secrets_unsettled(o, plan, now)',
        "    reason = secrets_unsettled(o, plan, now)",
        (RULES.format("retirement"),),
    ),
)
