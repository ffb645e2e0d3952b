"""What somebody may try, and the tests that show that it is refused or does no harm to others."""

C, N, U = "tests/cluster/", "tests/contract/", "tests/unit/"
SHAPES = U + "test_abuse_shapes.py::test_"
TENANCY = C + "tenancy/test_tenancy.py::test_"
BAD_SECRETS = C + "test_bad_secrets.py::test_"
ADDRESSES = U + "test_addresses.py::test_"
REFUSED = C + "test_crd_refusals.py::test_nonsense_is_refused_in_plain_words"
SECRECY = C + "test_operator_secrecy.py::test_no_secret_value_is_in_logs_events_status_metrics_audit_log_or_exceptions"
PLAYS = "tests/abuse/test_attacks.py::test_an_attack_harms_nobody_else"
AT_ONCE = "tests/abuse/test_attacks.py::test_all_attacks_at_once_with_ten_thousand_pools_harm_nobody_else"

CASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "A reference to a Secret in another namespace",
        "namespaced kinds have no field for a namespace",
        (SHAPES + "no_field_of_a_namespaced_kind_names_a_namespace",),
    ),
    (
        "A ClusterKeyProvider used from a namespace that it does not list",
        "refused, and the message says whom to ask",
        (
            TENANCY + "a_pool_elsewhere_is_refused_and_told_whom_to_ask",
            TENANCY + "without_tenants_nobody_is_served_until_there_is_one",
        ),
    ),
    (
        "An endpoint of one's own that gets the admin credential",
        "endpoints stand on the provider object, beside its credential",
        (SHAPES + "only_provider_objects_say_where_and_how_a_provider_is_reached",),
    ),
    (
        "An endpoint at a metadata, loopback or private address",
        "refused after the name was looked up; the first two are allowed by no setting that does not list them",
        (
            C + "test_endpoints.py::"
            "test_an_endpoint_at_a_private_address_is_refused_where_the_administrator_does_not_allow_it",
            ADDRESSES + "where_everything_is_listed_what_is_never_allowed_stays_refused",
            ADDRESSES + "a_name_that_leads_to_such_an_address_is_refused_when_it_is_looked_up",
        ),
    ),
    (
        "A name that leads elsewhere after it was checked",
        "the checked address is the one that is connected to",
        (N + "test_failover.py::test_a_name_that_changes_after_it_was_checked_is_not_followed",),
    ),
    (
        "A redirect",
        "not followed; credentials are never passed on",
        (N + "test_transport.py::test_a_redirect_is_rejected_and_the_credential_is_not_forwarded",),
    ),
    (
        "`file://` and other schemes, plain http",
        "https alone, unless the administrator allows http",
        (
            REFUSED,
            C + "test_bad_credential.py::test_plain_http_is_refused_where_the_administrator_does_not_allow_it",
            N + "test_oauth.py::test_a_token_endpoint_at_plain_http_is_refused",
        ),
    ),
    (
        "A CA, or the switching off of TLS, chosen by a tenant",
        "authorities stand on the provider object alone; nothing switches TLS off",
        (
            SHAPES + "only_provider_objects_say_where_and_how_a_provider_is_reached",
            N + "test_authorities.py::test_one_bundles_authorities_are_not_anothers",
        ),
    ),
    (
        "An identity chosen by annotation",
        "ignored: the tenant's entry says it, or a label of the namespace that the administrator named",
        (
            U + "core/test_tenancy.py::test_an_identity_is_taken_from_a_label_of_the_namespace",
            SHAPES + "no_annotation_of_a_pool_says_who_it_is",
        ),
    ),
    (
        "Templates that read other Secrets, or ask DNS",
        "there is no template engine",
        (SHAPES + "nothing_interprets_a_text_of_others",),
    ),
    (
        "Format strings in names",
        "texts of others are never formatted by",
        (SHAPES + "no_text_of_others_is_a_format_string",),
    ),
    (
        "A Secret of somebody else under the name that a pool publishes",
        "left alone; a condition says so",
        (
            BAD_SECRETS + "a_foreign_secret_is_left_alone_and_no_key_is_made_until_it_is_gone",
            BAD_SECRETS + "a_foreign_secret_with_our_label_is_foreign_all_the_same",
        ),
    ),
    (
        "Two pools with one Secret",
        "the older has it, always",
        (
            BAD_SECRETS + "of_two_pools_with_one_secret_the_older_has_it_and_the_other_follows_when_it_goes",
            BAD_SECRETS + "pools_that_come_at_once_agree_on_one_winner_and_lose_no_key",
        ),
    ),
    (
        "A forged label or revision on a Secret",
        "UID, field manager and ledger must agree",
        (
            U + "core/test_ownership.py::test_our_label_alone_proves_nothing_before_the_first_publication",
            C + "test_lost_ledger.py::test_a_forged_secret_adopts_no_key_of_anybody_else",
        ),
    ),
    (
        "An edited status that names somebody's key",
        "status is never an input",
        (C + "test_bad_reports.py::test_a_forged_status_is_written_back_and_moves_no_key",),
    ),
    (
        "The type of the Secret, or annotations that others obey",
        "the type is fixed; annotations of ours, kubectl's and Argo CD's are refused",
        (REFUSED, SHAPES + "a_published_secret_is_opaque_whatever_a_pool_says"),
    ),
    (
        "More scopes in the course of a rotation",
        "scopes are the spec's at that time, within the tenant's limits",
        (
            C + "test_operator_publication.py::test_keys_are_asked_for_with_the_scopes_and_the_limit_of_the_template",
            U + "core/test_tenancy.py::test_what_a_tenant_may_not_have_is_refused_by_field_value_and_limit",
        ),
    ),
    (
        "Objects of other kinds made through a pool",
        "the operator writes Secrets, Events and its Lease",
        (
            C + "test_rbac.py::test_a_role_grants_what_the_table_says",
            C + "test_rbac.py::test_rights_that_would_lead_to_more_are_not_there",
        ),
    ),
    (
        "A custom resource that borrows the operator's rights",
        "for chosen namespaces the operator has no others",
        (C + "test_manifests.py::test_for_chosen_namespaces_the_operator_reads_no_secrets_elsewhere",),
    ),
    (
        "An identity that is empty after it was mapped",
        "no key is made",
        (
            U + "core/test_tenancy.py::test_nobody_is_granted_anything_without_a_tenant_nor_ever_an_empty_identity",
            TENANCY + "a_label_that_is_missing_or_empty_makes_no_key_until_it_is_an_id",
        ),
    ),
    (
        "An answer of 1 GiB, or in drops",
        "bounded in size and in time",
        (
            N + "test_transport.py::test_a_body_over_the_limit_is_ambiguous",
            N + "test_provider_faults.py::test_an_answer_in_drops_is_not_waited_for",
            PLAYS,
        ),
    ),
    (
        "Deep or huge JSON",
        "bounded before it is parsed",
        (N + "test_provider_faults.py::test_a_spoilt_answer_is_never_trusted", PLAYS),
    ),
    ("Durations of nothing, below it, overflowing; the year 9999", "refused by the schema", (REFUSED,)),
    (
        "A rotation each second",
        "as many as are honoured have a floor, and the account a budget",
        (PLAYS, U + "test_admission.py::test_as_many_keys_are_made_as_the_budget_grants"),
    ),
    (
        "10,000 pools of one tenant",
        "limits of the tenant, places by namespace",
        (TENANCY + "the_newest_pool_over_the_limit_waits_until_an_older_one_goes", AT_ONCE),
    ),
    (
        "Texts that are costly to read",
        "what is read costs in proportion to its length, which is bounded",
        (SHAPES + "what_people_write_is_read_in_time_that_grows_with_its_length",),
    ),
    (
        "Floods of requests at the operator's own port",
        "one scrape at a time; nothing else is served",
        (
            U + "test_probe_server.py::test_a_flood_of_scrapes_costs_one",
            U + "test_probe_server.py::test_there_is_nothing_else",
        ),
    ),
    (
        "Secrets in errors of parsers and libraries",
        "told by type and place alone",
        (
            U + "test_logs.py::test_an_exception_of_a_library_is_told_by_type_and_place_only",
            N + "test_holysheep_faults.py::test_no_exception_tells_a_secret",
            U + "test_crds.py::test_a_refused_manifest_is_not_quoted",
        ),
    ),
    (
        "Secrets in Events, logs, metrics, annotations",
        "values that are looked for everywhere are found nowhere",
        (SECRECY, C + "test_operator_secrecy.py::test_the_search_finds_a_value_in_every_encoding"),
    ),
    (
        "Control characters in logs and conditions",
        "escaped, and cut",
        (
            U + "test_provider_text.py::test_control_characters_and_bidirectional_marks_are_escaped",
            U + "test_logs.py::test_a_line_break_forges_no_line",
            U + "test_audit.py::test_what_others_wrote_is_escaped_and_capped",
        ),
    ),
    (
        "Ids that walk through paths",
        "refused before anything is sent, and percent-encoded",
        (N + "test_provider.py::test_a_handle_that_is_none_is_refused_before_anything_is_sent",),
    ),
    (
        "A dead provider that holds a finalizer",
        "a minute after the deletion the pool goes, and its keys are owed",
        (C + "test_operator_owed.py::test_after_the_deadline_the_pool_goes_and_its_keys_are_owed_and_revoked_later",),
    ),
    (
        "A namespace that is made again with the same names",
        "nothing is adopted: UIDs differ",
        (
            C + "test_operator_deletion.py::test_a_new_pool_of_the_same_name_adopts_nothing_of_the_retained_one",
            C + "test_operator_owed.py::test_a_new_pool_of_the_same_name_does_not_mix_with_owed_keys",
        ),
    ),
    (
        "The CustomResourceDefinition is deleted",
        "no key is revoked",
        (
            "tests/faults/test_cluster_outage.py::test_deleting_the_crd_revokes_nothing_and_a_new_one_is_served",
            U + "core/test_rules_deletion.py::test_a_crd_that_is_deleted_means_retain",
        ),
    ),
)
"""The attack, what becomes of it, and ids of tests."""
