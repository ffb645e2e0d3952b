"""Kinds of harm that one tenant could do to others, and the tests that show that each is bounded."""

from keypool_lab.testdocs.cases import ADDRESSES, AT_ONCE, PLAYS, C, N, U

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("An answer is bounded only after it was parsed", (PLAYS, AT_ONCE)),
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
            "tests/abuse/test_one_attack.py::test_usage_that_no_number_can_hold_harms_nobody_else",
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
    ("Requests by annotation, and each is carried out", (PLAYS,)),
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
        "Private endpoints all or none",
        (
            ADDRESSES + "an_address_is_taken_only_in_a_network_that_the_administrator_lists",
            ADDRESSES + "the_api_servers_address_is_refused_whatever_is_listed_or_public",
        ),
    ),
)
"""The kind, and ids of tests."""
