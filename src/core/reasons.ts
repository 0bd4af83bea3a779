/**
 * Why a decision is what it is: every code with what it means, whoever the user. The sentence of a decision adds names and dates.
 * `docs/reasons.md` is held to this list by a test.
 */
export const reasons = {
  young: "No key is due yet.",
  "looks-young": "The credential report shows no key that could be due; the user was not read exactly in this run.",
  "young-user": "The user is younger than a key may get, so none of its keys is due.",
  "no-keys": "The user has no access key, and the policy makes none for such users.",
  "only-key-inactive": "Every key of the user is Inactive. A person did that; it stands.",
  "status-unknown": "A key has a status that keyturn does not know. It is kept.",

  human: "The user has a console password: a person. The policy leaves people alone.",
  exempt: "The user is exempt from rotation.",
  "bedrock-user": "A user that Amazon Bedrock made for a long-term API key. It must never get an ordinary access key.",
  "on-hold": "Somebody put the user on hold.",

  due: "The key is older than the policy allows: a successor is made.",
  asked: "A person asked for this rotation.",
  "first-key": "The user has no access key, and the policy makes one.",
  "served-key-gone": "A destination serves a key that no longer exists: its consumers are refused. A new one is made.",
  unfinished: "An earlier run died after it created a key whose secret is safe: it is delivered now.",
  orphan:
    "An earlier run died after it created a key whose secret is stored nowhere and that nobody used: it is removed.",
  "orphan-alone":
    "An orphan is the only Active key. It is never deleted as such: a successor is made, and it then retires as any other.",
  arrived: "The new key is in use, so its delivery did arrive. The record is finished.",
  reactivated: "The old key is Active although its retirement was recorded. The waiting time starts anew.",
  "served-before": "The record is gone, but the destination served the older key before: it is the predecessor.",
  "leftover-escrow": "The key was delivered; its copy in the escrow is cleared.",
  superseded: "The successor has taken over: the old key is deactivated.",
  "at-latest": "The old key is still used, but the policy's last date has come: it is deactivated.",
  "retention-over": "The old key has been Inactive for as long as the policy keeps it: it is deleted.",
  expired: "The old key's time is over: it is deleted.",
  "makes-room": "The next rotation is due and needs the slot of the old key: it is deleted.",
  "oldest-unexplained": "Two Active keys that nothing explains; the policy deletes the older one.",
  "idle-unexplained": "Two Active keys that nothing explains; the policy deactivates the one that nobody uses.",
  "unused-extra": "A second Active key that nobody uses; the policy deactivates it.",
  "inactive-expired": "A person made the key Inactive long ago; the policy deletes such keys.",

  "turn-in-progress": "Another run may be at work on this user right now.",
  "successor-unused": "Nobody but keyturn has used the new key since it was delivered.",
  "predecessor-in-use": "The old key is still used.",
  overlap: "The new key was delivered; the old one has its time to be replaced by consumers.",
  "outside-window": "Something is due, but only inside the hours that the configuration allows.",
  retention: "The old key is Inactive and is kept for a while, so that it can be brought back.",
  "inactive-not-ours": "A key was made Inactive by a person, not by keyturn. It is kept.",

  "record-unreadable": "The user's record is not one that this keyturn understands.",
  "read-denied": "A permission that this decision needs was not given.",
  "scp-denied": "A policy of the organization (a service control policy) denies a call that this decision needs.",
  "read-failed": "AWS or a destination did not answer a question that this decision rests on.",
  "successor-inactive": "The new key is Inactive. A person did that; it stands.",
  "rolled-back": "A destination serves the old key again. A person did that; it stands.",
  "destination-changed": "A destination no longer serves the key that was delivered to it.",
  "target-of-another-user": "The target serves a key of another user.",
  "target-serves-unknown-key": "The target serves a key that is not one of this user's, and nothing tells whose it is.",
  "maybe-delivered": "The new key may have been handed out before a run died; nothing can tell.",
  unexplained: "Several Active keys, and nothing tells which one is in use where.",
  "unused-key": "The key is due, but nobody uses it: a fresh secret that nobody collects helps nobody.",
  "no-free-slot": "A successor is due, but both slots for keys are taken.",
  "own-key": "This run is signed with a key of this very user.",
  "settings-contradict": "Rules of the configuration that meet in this user contradict each other.",
  "tag-unusable": "A tag of the user says something that cannot be heeded, so nothing is done to the user.",
  "destination-unusable": "A destination cannot take a key as it is now.",
  "no-destination": "Something is due, but no destination is given: the new secret would have nowhere to go.",
} as const satisfies Record<string, string>;

export type ReasonCode = keyof typeof reasons;
