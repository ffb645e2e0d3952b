"""What keypool promises at every moment, and the tests that try to break each promise."""

MODEL = "tests/unit/core/test_model.py::test_a_pool_finds_its_rest_after_anything"
CRASHES = "tests/faults/test_crash_points.py::test_a_crash_at_any_point_loses_no_key_and_leaves_none_behind"
LIFE = "tests/cluster/test_operator_key_life.py::test_"
HEALTH = "tests/cluster/test_operator_health.py::test_"

INVARIANTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "The published primary works at every instant, unless somebody ended it at the provider",
        (LIFE + "a_new_key_serves_before_the_old_one_drains", MODEL, CRASHES),
    ),
    (
        "No key is published before a probe of it succeeded",
        (LIFE + "every_key_is_probed_between_its_creation_and_its_publication", MODEL),
    ),
    (
        "A replaced key lives on for the whole overlap, counted from when it was out of every Secret",
        (
            LIFE + "a_replaced_key_works_until_its_overlap_is_over_and_is_dead_afterwards",
            "tests/cluster/test_operator_repair.py::test_the_overlap_starts_anew_when_the_old_value_was_put_back",
            MODEL,
        ),
    ),
    (
        "A key's name is durable in the ledger before the provider is asked to make it",
        (LIFE + "the_name_of_a_key_is_in_the_ledger_before_the_provider_is_asked_for_it", MODEL, CRASHES),
    ),
    (
        "One intent is one call: of its keys at most one survives",
        ("tests/cluster/test_bad_answers.py::test_a_second_lost_answer_stops_the_slot_and_only_this_slot", CRASHES),
    ),
    (
        "No more keys live than twice the size and maxSurge, and what is held or compromised",
        ("tests/unit/core/test_rules_creation.py::test_the_bound_on_live_keys_lets_no_more_be_made", MODEL, CRASHES),
    ),
    (
        "Two keys that may exist in a slot, one more than slots in a pool; a third only for a last key that ends first",
        (
            "tests/unit/core/test_rules_lost.py"
            "::test_a_slot_has_two_unknown_keys_and_a_third_only_when_its_last_key_would_end_first",
            MODEL,
        ),
    ),
    ("Every key that was made is served, on its way, held or owed, or it is revoked", (MODEL, CRASHES)),
    (
        "Only keys that are certainly ours are ever revoked",
        (
            "tests/unit/core/test_rules_intents.py::test_another_providers_listing_says_nothing_about_a_lost_key",
            "tests/cluster/test_bad_answers.py::"
            "test_a_lost_key_is_found_by_its_name_and_revoked_where_names_are_listed",
        ),
    ),
    (
        "An error of the provider changes nothing that is published",
        (
            HEALTH + "an_ambiguous_answer_never_counts_against_a_key",
            HEALTH + "the_last_key_stays_published_when_all_are_rejected_until_a_new_one_is_there",
        ),
    ),
    (
        "A provider that makes bad keys, or always fails, is not asked for ever",
        (
            "tests/cluster/test_bad_answers.py::"
            "test_three_new_keys_rejected_in_a_row_stop_the_minting_until_a_person_asks",
            "tests/cluster/test_bad_answers.py::"
            "test_a_provider_that_always_fails_is_called_seldom_and_costs_few_writes",
        ),
    ),
    (
        "A key is replaced before it expires",
        ("tests/cluster/test_operator_rotation.py::test_a_key_is_replaced_before_it_expires",),
    ),
    (
        "Ready for a generation means that its spec was fulfilled and a live key has been published ever since",
        (
            "tests/cluster/test_operator_conditions.py::test_ready_is_first_true_when_all_keys_are_published",
            "tests/cluster/test_operator_conditions.py::test_ready_stays_true_throughout_a_rotation",
        ),
    ),
    (
        "The finalizer goes when no key lives, or the rest is durably owed, or the policy is Retain",
        (
            "tests/cluster/test_operator_owed.py::"
            "test_after_the_deadline_the_pool_goes_and_its_keys_are_owed_and_revoked_later",
            "tests/cluster/test_operator_deletion.py::test_retain_leaves_keys_and_secrets_and_a_record_without_values",
            CRASHES,
        ),
    ),
    (
        "Where nothing changes, nothing is written and nothing at the provider is changed",
        (
            "tests/cluster/test_operator_quiet.py::"
            "test_two_hundred_ready_pools_cause_no_write_and_no_new_key_in_a_minute",
            "tests/cluster/test_operator_restart.py::test_a_restart_writes_nothing_and_changes_no_key",
        ),
    ),
    ("After any fault all ends as if it had not been, but for ids", (MODEL, CRASHES)),
    (
        "A value is in the ledger, the published Secret and the provider's request, and nowhere else",
        (
            "tests/cluster/test_operator_secrecy.py::"
            "test_no_secret_value_is_in_logs_events_status_metrics_audit_log_or_exceptions",
            CRASHES,
        ),
    ),
    (
        "A key that the provider cannot find is not forgotten while its value works",
        (LIFE + "a_key_that_the_provider_cannot_find_is_not_forgotten_while_its_value_works",),
    ),
)
"""A promise in plain words, and ids of tests."""
