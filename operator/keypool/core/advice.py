"""What each reason asks its reader to do. The tables in the README and docs/conditions.md are generated from here."""

from keypool.core.reasons import Reason

ADVICE: dict[Reason, str] = {
    Reason.KEYS_PUBLISHED: "Nothing to do.",
    Reason.CREATING_KEYS: "Wait: keys are being created and checked for the first time.",
    Reason.UPDATING: "Wait: the spec changed and its keys are being brought up to date.",
    Reason.NO_LIVE_KEY: "No key in the Secret is accepted by the provider. Read Stalled, Healthy and the provider's "
    "conditions; unless the pool is Stalled, keypool goes on trying to create one.",
    Reason.SUSPENDED: "spec.suspend is true: set it to false to let keys be created, rotated and revoked again.",
    Reason.DELETING: "Wait: the pool's keys are being revoked.",
    Reason.SECRETS_CURRENT: "Nothing to do.",
    Reason.SECRETS_DIFFER: "Wait: the Secrets are being written. If it stays, read the message.",
    Reason.ALL_KEYS_ACCEPTED: "Nothing to do.",
    Reason.NO_VERDICT: "The provider answers probes with neither yes nor no, or was not asked for long: whether the "
    "keys work is not known. Published keys stay. Read the provider's conditions, and ask the provider if it lasts.",
    Reason.KEY_REJECTED: "The provider rejects a key; it is replaced, unless the pool is suspended. Find out who "
    "disabled it.",
    Reason.MOST_KEYS_REJECTED: "The provider rejects most keys of the account at once and yet lists them as active, so "
    "nothing is created or withdrawn. Ask the provider; keypool goes on by itself with the first key that works again.",
    Reason.SLOT_EMPTY: "A slot has no usable key. Wait, or read Stalled.",
    Reason.NOTHING_OUTSTANDING: "Nothing to do.",
    Reason.REVOKING: "Nothing to do: keys are being revoked. Some providers accept a deleted key for a while.",
    Reason.REVOCATION_PENDING: "A revocation was not confirmed yet and is being repeated. Check the provider.",
    Reason.ANSWER_LOST: "The answer to a create call was lost and the provider lists no names: one key may exist that "
    "nobody knows. It counts as live until its longest possible expiry. Look for it in the provider's console; when it "
    "is not there, or once you deleted it, annotate the pool with keypool.dev/clear-lost=NAME. Where nothing else "
    "makes keys in the account, the KeyProvider's spec.exclusiveAccount lets keypool find and revoke it.",
    Reason.CLOCK_UNCERTAIN: "The overlap of an old key seems to be over, but the time is uncertain: the clocks of "
    "operator, node and API server disagree, or the ledger holds a time that lies in the future. Set the clocks right; "
    "after a correction of the API server's restart the operator. All else goes on. A key that must go now can be "
    "reported compromised: that asks no clock.",
    Reason.SPENDING_LOW: "Nothing to do.",
    Reason.SPEND_LIMIT_NEAR: "A slot, or the pool, has used up a good part of its spending limit: raise "
    "spec.key.spendLimit.amount, wait for the next period, or look into who spends it.",
    Reason.SPEND_LIMIT_REACHED: "The spending limit is used up: the provider refuses requests until the next period, "
    "or until spec.key.spendLimit.amount is raised. The keys are not dead. A slot that used it up gets no new key "
    "before, unless its key leaked; the Secret holds the key of one that has something left.",
    Reason.SPEC_INVALID: "Correct the field that the message names.",
    Reason.UNSUPPORTED: "The provider cannot do what the field asks for: leave it out, or use another provider. Its "
    "status.capabilities tells what it can. Published keys stay; no new ones are made.",
    Reason.NOT_A_TENANT: "The ClusterKeyProvider does not serve this namespace: ask its administrator for a tenant "
    "that selects it, or use a KeyProvider of your own. Keys that exist stay; none is made or rotated.",
    Reason.TENANT_LIMIT: "The pool asks for more than its tenant may have; the message names field and limit. Ask for "
    "less, or have the administrator of the ClusterKeyProvider raise the limit. Keys that exist stay; none is made or "
    "rotated.",
    Reason.TENANT_IDENTITY: "The namespace's label that says whom keys are made for is missing or is no id: have an "
    "administrator set it as the message says. Keys that exist stay; none is made or rotated.",
    Reason.PROVIDER_NOT_FOUND: "Create the provider object that the message names, or correct spec.providerRef.",
    Reason.PROVIDER_NOT_READY: "Look at the provider's conditions: kubectl describe keyprovider NAME, or "
    "clusterkeyprovider NAME.",
    Reason.PROVIDER_READY: "Nothing to do.",
    Reason.PROVIDER_UNAVAILABLE: "The provider does not answer properly; keypool tries again with growing pauses. "
    "Published keys stay as they are.",
    Reason.ENDPOINT_FAILOVER: "Event: calls go to another endpoint than the preferred one, which failed, or go there "
    "again; the object's column NOTE says so as long as it lasts. Find out why the preferred one fails.",
    Reason.PROVIDER_THROTTLED: "The provider asks for fewer calls; keypool waits as long as it says.",
    Reason.ANSWER_TOO_LARGE: "The message names the bound. Delete keys that nobody needs, use an account (workspace, "
    "project) with fewer keys, or mend the server.",
    Reason.LISTING_PUT_OFF: "Wait: other listings are being read, and all share the operator's memory.",
    Reason.WAITS_FOR_BUDGET: "Wait: calls wait for the account's request budget, or for the end of a pause that the "
    "provider asked for. If it happens often, read the KeyProvider's conditions.",
    Reason.CHANGES_PACED: "Wait, and find out what changes the provider object, or its Secret, again and again. "
    "What was in use before stays in use; the last change is tried.",
    Reason.NEW_KEYS_PACED: "Wait: new keys are asked for faster than they are made. A slot gets one a minute on "
    "request, and a namespace in ten minutes twice as many as its pools ask for and 60 more. None is lost. "
    "Leaked keys are marked and revoked at once, expiring and rejected ones replaced as ever.",
    Reason.SCHEDULE_EXCEEDS_BUDGET: "The pools' rotations and probes need more requests than the budget grants, so "
    "they will be late. Raise the field that the message names, or have the pools need less: a longer "
    "health.probeEvery, a longer rotation.every, fewer keys. Nothing stops.",
    Reason.CREDENTIAL_MISSING: "Create the Secret, or the entry in it, that the message names.",
    Reason.CONSENT_MISSING: "The Secret does not say, in its annotation keypool.dev/allow, that it may be used so: "
    "whoever owns it can add what the message names. It has to be Opaque, and none that keypool writes. Where it said "
    "so before, keys that exist stay, are probed and revoked; none is made. docs/secrets.md says more.",
    Reason.CREDENTIAL_REJECTED: "The provider refuses the admin credential: put a good one into the Secret, or give it "
    "the rights (OAuth scopes) for the call that the message names. While the KeyProvider is Ready, the credential "
    "before is still in use.",
    Reason.ACCOUNT_CHANGED: "The credential seems to belong to another account: none of the keys that must be there is "
    "listed. Put the right account's credential into the Secret. If the account was changed on purpose, or all keys "
    "were deleted at the provider, annotate the provider object with keypool.dev/confirm-account=TOKEN, a word not "
    "used before: all keys are then replaced. Keys in an account that is given up stay there: delete them yourself.",
    Reason.ENDPOINT_REFUSED: "Use an https endpoint at a public address, or ask the operator's administrator to "
    "allow what the message names (KEYPOOL_ALLOW_INSECURE_ENDPOINTS, KEYPOOL_ALLOW_PRIVATE_ENDPOINTS).",
    Reason.ADAPTER_UNUSABLE: "The adapter that spec.plugin names is not in the operator's image, or cannot be loaded: "
    "the message says which are installed. docs/providers/writing-one.md tells how to package one.",
    Reason.CERTIFICATES_UNUSABLE: "spec.caBundle, or the Secret that spec.caSecretRef names, has to hold certificates "
    "of authorities in PEM: the message says what is wrong with it. A private key that stood there has to be replaced.",
    Reason.PROVIDER_REFUSED: "The provider refuses what it is asked, or cannot do what the spec says it can: read the "
    "message, and check that spec.endpoints names the right URL.",
    Reason.KEY_REFUSED: "The provider refuses to create, or to change, such a key: correct what the message names.",
    Reason.NEW_KEYS_REJECTED: "The provider rejected three new keys in a row, so no more are made. Check the account, "
    "then change the keypool.dev/rotate annotation to try again.",
    Reason.LEDGER_FULL: "So many or such large keys that no more fit into a Secret: the message says what to lessen.",
    Reason.REVOCATION_REFUSED: "The provider refuses to delete a key: revoke it in the provider's console.",
    Reason.SECRET_FOREIGN: "A Secret of that name exists and is not this pool's. Delete it, set "
    "spec.secret.creationPolicy to Adopt (docs/secrets.md), or delete the pool and apply it again with another "
    "spec.secret.name.",
    Reason.SECRET_UNUSABLE: "The Secret cannot be written as it must be, or, in an Event, given back. When keypool "
    "made it, and it is immutable or its type is not Opaque: delete it, and keypool writes it anew with the same "
    "values. When it was taken over (creationPolicy Adopt), it holds other people's entries: do not delete it; its "
    "owner makes it anew with these, or removes what the Event names. What alters it on its way has to spare it.",
    Reason.SECRET_CONTESTED: "Another pool has that Secret's name: delete this pool and apply it again with another "
    "spec.secret.name or poolName.",
    Reason.SECRET_FOUGHT: "Something else writes the published Secret again and again; the message names its field "
    "manager. keypool writes it back after pauses of up to a minute. Have only one of the two write it.",
    Reason.SECRET_NEWER: "The Secret was written from a newer ledger than the operator has. keypool looks into it; "
    "docs/recovery.md says what it does.",
    Reason.NAMESPACE_TERMINATING: "The namespace is being deleted: nothing is created in it any more.",
    Reason.CLUSTER_UNAVAILABLE: "The Kubernetes API refused or did not answer; keypool tries again. Where the message "
    "names an admission policy, a webhook, a quota or a right (RBAC), and the pool is Stalled: have that changed.",
    Reason.INTERNAL_ERROR: "keypool failed in a way that nobody foresaw; the message says at what, and the operator's "
    "log where: report it. keypool tries again with growing pauses. What is published stays. A deleted pool goes at "
    "its deadline all the same; with RevokeAndWait it waits.",
    Reason.LEAK_NOT_CONTAINED: "A key is reported compromised and is not proven dead; the message says which, since "
    "when, and why. Mend what it names. A key without a published successor stays, so that nobody is cut off; to have "
    "it revoked at once all the same, annotate the pool with keypool.dev/compromised=NAME!now@TOKEN. Or revoke it in "
    "the provider's console. docs/recovery.md says more.",
    Reason.COMPROMISED_UNKNOWN: "The annotation keypool.dev/compromised holds entries that are no name, fingerprint, "
    "digest or value of a key of this pool; the message says which. status.keys shows names and fingerprints. Correct "
    "or remove the annotation. All keys: all@TOKEN.",
    Reason.COMPROMISE_WAITS: "A key is reported compromised, and the pool is suspended: set spec.suspend to false, or "
    "let the annotation end in !now@TOKEN: then the key is revoked without a successor.",
    Reason.UNDO_UNKNOWN: "The annotation keypool.dev/undo-revoke names a key that is not disabled: status.keys shows "
    "names, fingerprints and states. What is revoked cannot come back. Correct or remove the annotation.",
    Reason.REQUEST_UNKNOWN: "The annotation that the message names (keypool.dev/clear-lost, abandon or revoked) holds "
    "entries that are no key which it can be about: status.keys shows names, fingerprints and states. Nothing was done "
    "for these entries. Correct or remove the annotation.",
    Reason.LEDGER_MISSING: "The pool's ledger is gone. keypool rebuilds it from the published Secrets and the "
    "provider's listing, or waits for what the message names. Published keys go on working.",
    Reason.LEDGER_UNREADABLE: "The pool's ledger is damaged or newer than this operator: restore it, or upgrade.",
    Reason.LEDGER_TAMPERED: "Somebody changed the ledger's Secret; it was written back. Check who may write there.",
    Reason.LEDGER_REBUILT: "Event: a lost ledger was rebuilt. Keys that the note names were published and could not be "
    "proven to be ours: they are replaced, never revoked. Revoke them at the provider yourself.",
    Reason.LEDGER_RESTORED: "The ledger is older than what is published, as after a restored backup. keypool probes "
    "every key before it publishes or revokes anything, and waits for what the message names. Keys that the Event "
    "names could not be proven to be ours: revoke them at the provider yourself.",
    Reason.LEDGERS_MISSING: "So many ledgers are gone that something else must be wrong, such as the operator's "
    "namespace. Restore them, or confirm as the message says: docs/recovery.md.",
    Reason.CLUSTER_CHANGED: "The operator runs in another cluster than the one that its ledgers belong to, perhaps a "
    "clone: nothing is changed until an administrator confirms as the message says: docs/recovery.md.",
    Reason.KEYS_FROM_MISSING: "Create the Secret that spec.keysFrom names, with one entry for each key's value. What "
    "is published stays meanwhile.",
    Reason.VALUE_UNUSABLE: "Correct the entries of the Secret that the message names: each holds one key's value, of "
    "printable ASCII without spaces, and each value stands there once.",
    Reason.VALUE_REJECTED: "The provider rejects a value in the Secret that spec.keysFrom names: replace it by a good "
    "one, or remove it.",
    Reason.VALUES_MISSING: "The Secret that spec.keysFrom names holds fewer good values than spec.size asks for: add "
    "some, or lower the size. The last published key stays, even when its value was removed or is reported "
    "compromised, until another works.",
    Reason.KEY_AGEING: "A published key gets old: make another one at the provider, put its value into the Secret that "
    "spec.keysFrom names, and remove the old one there. Nothing is withdrawn because of its age.",
    Reason.MANUAL_REVOCATION: "Keys are not published any more, and the provider has no call that revokes them: revoke "
    "them in the provider's console. keypool notices when the provider rejects them; or annotate the pool with "
    "keypool.dev/revoked=FINGERPRINT[,...]. After the pool's deletion the Event is all that tells.",
    Reason.ACCOUNT_NOTICE: "The provider accepts the keys and says something about the account: read the message.",
    Reason.OVERLAP_TOO_SHORT: "In status.warnings and an Event: a replaced key is revoked before mounted folders have "
    "the new one. Set spec.rotation.overlap.min to 90s or more. It stays where that is what you want.",
    Reason.RENEWAL_TOO_LATE: "In status.warnings and an Event: a key expires before mounted folders have the next one. "
    "Set spec.rotation.renewBefore to 90s or more, and spec.key.lifetime to twice that at least.",
    Reason.LIFETIME_NOT_GRANTED: "In status.warnings and an Event: the provider lets keys live shorter or longer than "
    "spec.key.lifetime asks for. keypool goes by what is sooner: set the lifetime to what the provider grants, or have "
    "its limit changed.",
    Reason.KEYS_ABANDONED: "Event: keys were given up by the annotation keypool.dev/abandon; they may live on.",
    Reason.KEY_CREATED: "Event: a key was created, checked and published.",
    Reason.ROTATION_WAITS: "Event: a rotation that was asked for begins when the slot's old key is gone, or its "
    "spending limit begins anew; it says when. A key that must go now can be reported compromised.",
    Reason.KEY_ROTATED: "Event, once the Secret holds the new key: which key it replaces, and until when that one "
    "works. Pods that take the key from the environment or a subPath need a restart by then; mounted folders follow.",
    Reason.KEY_REVOKED: "Event: a key that was owed or compromised was revoked and its value proven dead.",
    Reason.KEY_REPORTED: "Event: the relay of a pod reported a key as rejected, and the provider rejected it twice "
    "when asked: it is taken out of use and replaced without waiting for health.failureThreshold. Find out who "
    "disabled it; kubectl get keyholders tells which pods hold it. docs/key-holders.md says more.",
    Reason.KEY_WITHDRAWN: "Event: a key was rejected by the provider and taken out of use.",
    Reason.SECRET_REPAIRED: "Event: a published Secret was changed or deleted by somebody and written again.",
    Reason.KEYS_OWED: "Event: the pool went before all its keys were confirmed revoked; keypool goes on trying. In a "
    "condition of a new pool: its namespace has so many such keys that new pools wait, as the message says. Pools that "
    "have keys are served as ever. See to it that the provider confirms them, or have an administrator give them up.",
    Reason.FINALIZER_MISSING: "The pool has keys and lacked the finalizer keypool.dev/keys, as after kubectl replace; "
    "keypool puts it back. Use kubectl apply. Where a condition says so, something takes it off again and again: find "
    "out what does, because without it the pool may go with keys that nobody revokes.",
    Reason.KEYS_RETAINED: "Event: the pool was deleted with Retain; its keys stay valid and its Secrets stay.",
}
