"""Kinds of harm that one tenant could do to others, and the tests that show that each is bounded."""

from keypool_lab.testdocs.cases import ADDRESSES, AT_ONCE, PLAYS, C, N, U

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "An answer is bounded only after it was parsed",
        (
            "tests/abuse/test_one_attack.py::test_a_listing_too_long_to_read_harms_nobody_but_whose_provider_it_is",
            PLAYS,
            AT_ONCE,
        ),
    ),
    (
        "Objects of others are kept whole in memory",
        (
            PLAYS,
            U + "test_keeping.py::test_a_secret_that_no_pool_claims_is_not_kept_and_touches_nothing",
            U + "test_pieces.py::test_of_a_list_no_more_than_an_object_is_in_memory",
            U + "test_taking.py::test_of_a_large_object_kopf_gets_no_more_than_of_a_small_one",
        ),
    ),
    (
        "The same for keypool's own kinds",
        (PLAYS, U + "test_keeping.py::test_of_a_pool_some_kilobytes_are_kept_whatever_its_metadata_hold"),
    ),
    (
        "Shared places without a share for each tenant",
        (
            PLAYS,
            U + "test_shares.py::test_a_thousand_urgent_pools_of_one_namespace_delay_no_leak_of_another",
            U + "test_shares.py::"
            "test_providers_that_hang_hold_up_none_of_another_namespace_and_good_ones_come_before_new_ones",
            U + "test_gate.py::test_namespaces_take_turns_and_what_is_urgent_has_the_next_one",
        ),
    ),
    (
        "Work that blocks, in threads that all share",
        (
            PLAYS,
            U + "test_names.py::test_names_that_are_never_answered_hold_up_no_other_namespace",
            U + "test_probe_server.py::test_metrics_are_told_while_all_threads_that_asyncio_lends_hang",
        ),
    ),
    (
        "A provider's number that is used unchecked",
        (
            PLAYS,
            U + "test_numbers.py::test_usage_of_a_webhook_with_such_a_number_is_no_usage",
            U + "test_scrape.py::test_a_pool_whose_usage_is_no_number_takes_no_other_series_with_it",
        ),
    ),
    (
        "An exception that nobody expected holds a finalizer, silently",
        (
            PLAYS,
            C + "test_unforeseen.py::"
            "test_a_pool_whose_passes_fail_says_so_and_goes_at_its_deadline_with_its_debt_in_the_ledger",
            N + "test_odd_words.py::test_words_that_mean_nothing_do_not_spoil_an_answer",
        ),
    ),
    (
        "Another's Secret is taken over",
        (
            C + "test_bad_secrets.py::test_adopt_takes_over_a_secret_that_says_so_and_touches_nothing_else_in_it",
            C + "test_bad_secrets.py::test_adopt_never_takes_what_a_provider_or_keys_from_names",
        ),
    ),
    (
        "Another's Secret is sent to an endpoint of one's own",
        (
            C + "test_consent.py::"
            "test_a_secret_that_names_no_host_is_sent_nowhere_and_the_message_is_the_line_that_mends_it",
            C + "test_consent.py::"
            "test_a_token_url_that_the_secret_does_not_name_gets_nothing_and_what_was_in_use_stays",
            C + "test_consent.py::test_values_are_taken_only_by_the_pool_that_their_secret_names",
        ),
    ),
    (
        "Requests by annotation, and each is carried out",
        (
            PLAYS,
            U + "core/test_pace.py::test_a_slot_that_just_got_a_key_on_request_gets_the_next_one_a_minute_later",
            U + "core/test_pace.py::test_a_rotation_on_request_never_uses_up_the_turn_of_a_leak",
        ),
    ),
    (
        "Counting that grows with the square of the pools",
        (PLAYS, U + "test_tenants.py::test_pools_that_a_limit_refuses_are_not_counted_against_all_others_each_time"),
    ),
    (
        "Debts that no quota counts",
        (
            PLAYS,
            U + "test_debts.py::test_a_new_pool_waits_while_its_namespace_owes_too_many_keys_and_is_told_how_many",
        ),
    ),
    (
        "Whoever has the operator's identity has the cluster",
        (
            C + "test_policy.py::test_such_a_secret_is_not_made",
            C + "test_policy.py::test_a_secret_of_others_is_neither_changed_nor_deleted",
        ),
    ),
    (
        "Private endpoints all or none",
        (
            ADDRESSES + "an_address_is_taken_only_in_a_network_that_the_administrator_lists",
            ADDRESSES + "the_api_servers_address_is_refused_whatever_is_listed_or_public",
        ),
    ),
    (
        "Metrics that every pod may read",
        (C + "test_manifests.py::test_only_prometheus_may_call_the_operator_and_nothing_limits_what_it_calls",),
    ),
    (
        "An audit log that loses lines, silently",
        (
            U + "test_audit.py::test_a_broken_stream_does_not_end_the_log_and_what_is_lost_is_counted",
            U + "test_audit.py::test_where_the_log_is_required_the_process_ends_when_it_breaks",
        ),
    ),
    (
        "A base image that is another one tomorrow",
        (U + "test_packaging_image.py::test_the_base_is_pinned_to_a_patch_release",),
    ),
    (
        "An address hidden in another one's prefix",
        (ADDRESSES + "an_address_that_is_not_public_is_told_by_its_kind",),
    ),
    (
        "A host that breaks a library",
        (
            U + "test_provider_registry.py::test_a_host_that_the_schema_cannot_tell_is_refused_in_words",
            C + "test_unforeseen.py::test_a_provider_whose_look_fails_has_a_status_and_so_have_its_pools",
        ),
    ),
    (
        "A forged revision on a published Secret",
        (
            C + "test_forged_revision.py::"
            "test_a_forged_revision_neither_pushes_the_ledger_nor_keeps_the_secret_from_being_written_back",
        ),
    ),
    (
        "A credential in the words of a provider, written otherwise",
        (U + "test_provider_text.py::test_a_secret_is_hidden_however_it_is_written",),
    ),
    (
        "A CustomResourceDefinition that is deleted, and what its document says of it",
        ("tests/faults/test_cluster_outage.py::test_deleting_the_crd_revokes_nothing_and_a_new_one_is_served",),
    ),
)
"""The kind, and ids of tests."""
