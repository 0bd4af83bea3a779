import type { ReasonCode } from "../core/reasons.ts";

/** Where a reason stands in lists: what kind of standing it leads to. */
export type ReasonGroup = "settled" | "left-alone" | "act" | "waiting" | "blocked";

/** The headings of the groups, in the order in which they are shown. */
export const groupTitles: Readonly<Record<ReasonGroup, string>> = {
  settled: "Nothing is to be done",
  "left-alone": "Left alone",
  act: "The run does something",
  waiting: "Waiting, or blocked once it takes too long",
  blocked: "A person has to do something",
};

/** What each setting that changes a decision says. The names are those of `keyturn.yaml`, those of a policy without `policy.` before them. */
export const settingWords = {
  rotateAfter: "the age of a key at which a successor is made: `--rotate-after`, or `--max-age`, which derives it",
  "oldKey.deactivate":
    "what opens the gate of the old key: `idle`, `superseded`, `delivered`, `never`, or a time after the delivery",
  "oldKey.deactivate.for":
    "with `idle`: how long the old key must have been quiet; IAM's lag of four hours comes on top",
  "oldKey.deactivate.remindAfter": "how long after the delivery a gate that stays shut blocks the user aloud",
  "oldKey.deactivate.atLatest":
    "with `idle`: how long after the delivery the old key is deactivated although it is used; `never` in every preset",
  "oldKey.deactivate.after": "how long after the delivery the old key is deactivated, used or not",
  "oldKey.delete": "when the old key is deleted: after a time, at the `next-rotation`, or `never`",
  "oldKey.delete.after":
    "how long the old key is kept Inactive (or, where it is never deactivated, kept after the delivery)",
  "oldKey.delete.overlap": "with `next-rotation`: how long both keys must have stood side by side",
  "oldKey.delete.quiet": "how long an Active key must have been out of use before it is deleted",
  usersWithoutKey: "`skip` users that have no key, or `create` a first one",
  unexplainedKeys: "for two Active keys that nothing explains: `report`, `delete-oldest` or `deactivate-idle`",
  inactiveKeys: "for keys that a person made Inactive: `report`, or delete them after a time without a sign of life",
  unusedKeys: "for due keys that nobody uses: `report`, `deactivate` or `rotate`",
  unusedAfter: "after how long without a use a key counts as unused",
  humans: "`exclude` users with a console password, or `include` them",
  exempt: "users that nobody but a person touches: `--exempt`, or a rule of the configuration with a reason",
  window: "the days and hours in which keys are made and switched off: `--window`, `--not-before`",
} as const satisfies Record<string, string>;

/** A setting, as a path of field names. */
export type SettingName = keyof typeof settingWords;

/** What a reason code means in full. What is said in {@link reasons} is not repeated here. */
export interface Explanation {
  readonly group: ReasonGroup;
  /** The promise or the rule that keyturn keeps here. */
  readonly why: string;
  /** What happens by itself, and when. */
  readonly next: string;
  /** What a person can do; where nothing is needed, that. */
  readonly person: string;
  /** What to type for that, with what it does. USER and ID stand for what the report names. */
  readonly commands: readonly (readonly [command: string, does: string])[];
  /** The parts of the policy that change it. */
  readonly settings: readonly SettingName[];
}

const NOTHING = "Nothing: the run does it.";
const STATUS = ["keyturn status USER", "who uses which key, what comes next, and when"] as const;
const ROTATE = ["keyturn rotate USER --deliver KIND:TARGET", "makes a successor now, whatever the age"] as const;
const RETIRE_OLD = [
  "keyturn retire USER ID",
  "switches the old key off all the same: whoever uses it is refused",
] as const;
const BRING_BACK = [
  "keyturn rollback USER --deliver KIND:TARGET",
  "makes the old key Active and served again, and puts the user on hold",
] as const;
const DELETE_INACTIVE = ["keyturn retire USER ID", "deletes the Inactive key, after a question"] as const;
const RECREATED =
  "A key that an intent of ours explains, that nobody used and whose secret is stored nowhere is of no use to anybody: its secret died with the run.";
const GATES = [
  "oldKey.deactivate",
  "oldKey.deactivate.for",
  "oldKey.deactivate.remindAfter",
  "oldKey.deactivate.atLatest",
] as const;

/** Every reason code, explained. The compiler holds the list complete. */
export const explanations: Readonly<Record<ReasonCode, Explanation>> = {
  young: {
    group: "settled",
    why: "A key is replaced when it is older than `rotateAfter`, and not before.",
    next: "The first run after the date that the report names makes a successor.",
    person: "Nothing is needed. Whoever wants a fresh key earlier asks for it.",
    commands: [ROTATE],
    settings: ["rotateAfter"],
  },
  "looks-young": {
    group: "settled",
    why: "In accounts of many users IAM's credential report tells who has no key that could be due. Its date is the later of creation and the latest change of status, so a key that was switched off and on again looks younger than it is: run reads each user exactly once in seven days, whatever the report says.",
    next: "The key becomes due in the report, or the user's day comes.",
    person: "Nothing is needed. --exact reads every user now.",
    commands: [["keyturn scan --user USER", "reads this user exactly"]],
    settings: ["rotateAfter"],
  },
  "young-user": {
    group: "settled",
    why: "A key cannot be older than its user.",
    next: "The user gets older.",
    person: "Nothing is needed. --exact reads every user now.",
    commands: [["keyturn scan --user USER", "reads this user exactly"]],
    settings: ["rotateAfter"],
  },
  "no-keys": {
    group: "settled",
    why: "A user without a key may be meant to have none: a first key is made only where the policy or a person says so.",
    next: "Nothing, run after run.",
    person: "Nothing is needed. Where a first key is wanted, ask for it.",
    commands: [["keyturn rotate USER --deliver KIND:TARGET", "makes a first key"]],
    settings: ["usersWithoutKey"],
  },
  "only-key-inactive": {
    group: "settled",
    why: "What a person did stands. Whoever switched the key off had a reason, and a successor would undo it.",
    next: "Nothing, run after run; a policy that deletes Inactive keys deletes it when its time has come.",
    person: "Nothing is needed. Delete the key if nobody will want it back, or make a new one.",
    commands: [DELETE_INACTIVE, ROTATE],
    settings: ["inactiveKeys"],
  },
  "status-unknown": {
    group: "settled",
    why: "Unknown means wait: nothing is concluded from a status that this version of keyturn has never heard of.",
    next: "Nothing, until the status is Active or Inactive again.",
    person:
      "Look at the key in the console. It fills a slot as long as it is there. A newer keyturn may know the status.",
    commands: [STATUS],
    settings: [],
  },

  human: {
    group: "left-alone",
    why: "A person who signs in to the console copies a key to a laptop by hand: no destination would bring the new one there.",
    next: "Nothing, as long as the user has a password and the policy leaves people alone.",
    person:
      "People should sign in through IAM Identity Center. Such a key is rotated all the same when somebody asks for it.",
    commands: [["keyturn rotate USER --deliver stdout", "makes a successor and prints it"]],
    settings: ["humans"],
  },
  exempt: {
    group: "left-alone",
    why: "Somebody declared, in the configuration or by a flag, that nobody but a person may touch this user.",
    next: "Nothing, as long as the exemption stands.",
    person: "Nothing is needed. Take the exemption away where its reason is gone.",
    commands: [STATUS],
    settings: ["exempt"],
  },
  "bedrock-user": {
    group: "left-alone",
    why: "Amazon Bedrock makes a user for each long-term API key and manages it; an access key of such a user would be a second door.",
    next: "Nothing. No policy and no command makes a key here.",
    person: "Nothing. Renew the API key in Amazon Bedrock.",
    commands: [],
    settings: [],
  },
  "on-hold": {
    group: "left-alone",
    why: "What a person did stands: a hold keeps every unattended step away, also after a rollback, so that the next run does not undo it.",
    next: "A hold with a date ends by itself on that date; one without stays until somebody ends it.",
    person: "End the hold when its reason is gone.",
    commands: [
      ["keyturn resume USER", "ends the hold; the next run goes on with the user from where it stands"],
      ["keyturn hold USER --until 14d", "lets the hold end by itself"],
      STATUS,
    ],
    settings: [],
  },

  due: {
    group: "act",
    why: "The old key goes on working: it is retired only after the successor was delivered to every destination and took over.",
    next: "This run makes the successor, verifies it, delivers it, and records that. Later runs retire the old key.",
    person: NOTHING,
    commands: [],
    settings: ["rotateAfter"],
  },
  asked: {
    group: "act",
    why: "A person may ask for a successor at any age. The old key goes on working all the same, until its gate opens.",
    next: "This run makes the successor and delivers it; later runs retire the old key, by the policy.",
    person: NOTHING,
    commands: [],
    settings: [],
  },
  "first-key": {
    group: "act",
    why: "The policy makes a first key for users that have none.",
    next: "This run makes it and delivers it.",
    person: NOTHING,
    commands: [],
    settings: ["usersWithoutKey"],
  },
  "served-key-gone": {
    group: "act",
    why: "A working, delivered key must always exist. Here a destination hands out a key that AWS refuses, so the age does not matter.",
    next: "This run makes a new key and delivers it. Consumers work again when they read it.",
    person: "Nothing: the run does it. Somebody deleted a key that was being served; find out who.",
    commands: [STATUS],
    settings: [],
  },
  unfinished: {
    group: "act",
    why: "A crash at any instruction heals by itself. The escrow, a pending version, or a destination has the secret, so the key is good.",
    next: "This run verifies the key, delivers it to every destination, and records that.",
    person: NOTHING,
    commands: [],
    settings: [],
  },
  orphan: {
    group: "act",
    why: RECREATED,
    next: "This run removes it, and makes a successor in its place where one is due.",
    person:
      "Nothing: the run does it. `--escrow ssm` makes orphans rarer: the secret then survives the run that made it.",
    commands: [],
    settings: [],
  },
  "orphan-alone": {
    group: "act",
    why: "The only Active key of a user is never deleted, not even one whose secret nobody has.",
    next: "This run makes a successor beside it; the orphan then retires as any other predecessor.",
    person: NOTHING,
    commands: [],
    settings: [],
  },
  arrived: {
    group: "act",
    why: "A destination that cannot be read back cannot say whether the key came; somebody else's use of the key can.",
    next: "This run records the delivery; from then on the old key waits for its gate.",
    person: NOTHING,
    commands: [],
    settings: [],
  },
  reactivated: {
    group: "act",
    why: "What a person did stands: whoever made the old key Active again needs it, or the run that meant to retire it died before it did.",
    next: "This run records the delivery with today's date, and the old key waits for its gate from the start.",
    person: "Nothing is needed. If the old key is wanted for good, it will be in the way of the next rotation.",
    commands: [STATUS],
    settings: GATES,
  },
  "served-before": {
    group: "act",
    why: "The history of a destination proves what it served before. Being older proves nothing, so without a history the keys are left to a person.",
    next: "This run writes the record anew; the predecessor waits for its gate from today on.",
    person:
      "Nothing: the run does it. Keep whatever strips the tag from doing so, for example with `ignore_changes` in Terraform.",
    commands: [],
    settings: GATES,
  },
  "leftover-escrow": {
    group: "act",
    why: "A secret lies in the escrow only until it is delivered. The run that delivered this one died before it cleared up.",
    next: "This run clears the entry, and goes on.",
    person: NOTHING,
    commands: [],
    settings: [],
  },
  superseded: {
    group: "act",
    why: "The gate is open: the successor was delivered to every destination and proved to sign in, and the policy's condition is met.",
    next: "This run deactivates the old key. It can be brought back until it is deleted.",
    person: "Nothing: the run does it. If somebody is refused who should not be, bring the old key back.",
    commands: [BRING_BACK],
    settings: ["oldKey.deactivate", "oldKey.deactivate.for", "oldKey.deactivate.after", "oldKey.delete.after"],
  },
  "at-latest": {
    group: "act",
    why: "The policy says that nobody may keep the old key for longer, and its users were told by every run since `remindAfter`.",
    next: "This run deactivates the key. Whoever still uses it is refused; the key can be brought back until it is deleted.",
    person: "Find the consumer, by the service and region that the report names, and let it read the new key.",
    commands: [STATUS, BRING_BACK],
    settings: ["oldKey.deactivate.atLatest", "oldKey.deactivate.remindAfter"],
  },
  "retention-over": {
    group: "act",
    why: "Nobody missed the key while it was Inactive. An Inactive key fills one of the two slots.",
    next: "This run deletes it. That cannot be undone.",
    person: NOTHING,
    commands: [],
    settings: ["oldKey.delete", "oldKey.delete.after"],
  },
  expired: {
    group: "act",
    why: "The policy deletes old keys without deactivating them first, a fixed time after the delivery and only when they are quiet.",
    next: "This run deletes it. That cannot be undone.",
    person: NOTHING,
    commands: [],
    settings: ["oldKey.deactivate", "oldKey.delete.after", "oldKey.delete.quiet"],
  },
  "makes-room": {
    group: "act",
    why: "The policy keeps two keys at all times, and IAM allows no third: the older one goes when the newer one is itself due and has taken over.",
    next: "This run deletes it and makes the next successor at once.",
    person: NOTHING,
    commands: [],
    settings: ["oldKey.delete", "oldKey.delete.overlap", "oldKey.delete.quiet"],
  },
  "oldest-unexplained": {
    group: "act",
    why: "The policy was told to delete the older of two keys that nothing explains. A key that a destination serves is never chosen.",
    next: "This run deletes it. That cannot be undone.",
    person: NOTHING,
    commands: [],
    settings: ["unexplainedKeys", "oldKey.delete.overlap", "oldKey.delete.quiet"],
  },
  "idle-unexplained": {
    group: "act",
    why: "The policy was told to deactivate the idle one of two keys that nothing explains, by the same gate as for a predecessor.",
    next: "This run deactivates it; a later one deletes it.",
    person: NOTHING,
    commands: [],
    settings: ["unexplainedKeys", "oldKey.deactivate", "oldKey.deactivate.for"],
  },
  "unused-extra": {
    group: "act",
    why: "The policy switches unused keys off where another key of the user is in use and no destination serves the unused one.",
    next: "This run deactivates it; a later one deletes it.",
    person: NOTHING,
    commands: [],
    settings: ["unusedKeys", "unusedAfter"],
  },
  "inactive-expired": {
    group: "act",
    why: "The policy deletes Inactive keys after a time without a sign of life, whoever made them Inactive.",
    next: "This run deletes it. That cannot be undone.",
    person: NOTHING,
    commands: [],
    settings: ["inactiveKeys"],
  },

  "turn-in-progress": {
    group: "waiting",
    why: "Two runs at once are daily life, and IAM has no lock: a record or a key younger than four minutes belongs to a run that may live.",
    next: "The first run after those four minutes goes on, or heals what a crash left. On the same host a dead run is recognised at once.",
    person: "Nothing: time does it.",
    commands: [],
    settings: [],
  },
  "successor-unused": {
    group: "waiting",
    why: "The old key is deactivated only after somebody else than keyturn has used the new one: until then nobody is known to have switched.",
    next: "The gate opens when the new key is used and the old one has been quiet. Until `remindAfter` the user waits, from then on it is blocked aloud; the old key works all the time.",
    person:
      "Find the consumer of the old key and let it read the new one. A consumer that is started seldom may just not have run yet.",
    commands: [STATUS, RETIRE_OLD],
    settings: GATES,
  },
  "predecessor-in-use": {
    group: "waiting",
    why: "A key that somebody uses is not switched off: it must have been quiet for as long as the policy says, with IAM's lag of four hours on top.",
    next: "Each use starts the wait anew. Until `remindAfter` the user waits, from then on it is blocked aloud; only `atLatest` ends the wait by itself.",
    person:
      "Find the consumer that is left, by the service and region that the report names, and let it read the new key.",
    commands: [STATUS, RETIRE_OLD],
    settings: [...GATES, "oldKey.delete.quiet"],
  },
  overlap: {
    group: "waiting",
    why: "Both keys work side by side for a while, so that every consumer reads the new one before the old one goes.",
    next: "The first run after the date that the report names retires the old key. A later write to a destination starts the time anew.",
    person: "Nothing: time does it.",
    commands: [RETIRE_OLD],
    settings: [
      "oldKey.deactivate",
      "oldKey.deactivate.after",
      "oldKey.delete",
      "oldKey.delete.after",
      "oldKey.delete.overlap",
    ],
  },
  "outside-window": {
    group: "waiting",
    why: "Consumers notice when a new key is served or an old one is switched off, so that happens only while somebody is there to help: inside the window that the configuration or `--window` gives.",
    next: "The first run after the moment that the report names does it. What nobody notices, such as deleting a key that is Inactive already, is done at any time.",
    person: "Nothing: time does it. A person who names the user gets it now.",
    commands: [
      ["keyturn rotate USER --deliver KIND:TARGET", "makes and delivers a successor now, window or not"],
      ["keyturn config show USER", "tells which window holds, and where it stands"],
    ],
    settings: ["window"],
  },
  retention: {
    group: "waiting",
    why: "An Inactive key can be made Active again in a second, a deleted one never: so it is kept for a while in case somebody misses it.",
    next: "The first run after the date that the report names deletes the key.",
    person: "Nothing: time does it. If somebody misses the key, bring it back.",
    commands: [BRING_BACK, ["keyturn retire USER ID", "deletes the Inactive key now, after a question"]],
    settings: ["oldKey.delete", "oldKey.delete.after"],
  },
  "inactive-not-ours": {
    group: "waiting",
    why: "What a person did stands. keyturn deletes only keys that it deactivated itself, unless the policy says otherwise.",
    next: "Nothing, until a successor is due: then the key is in the way, and the user is blocked with `no-free-slot`.",
    person: "Nothing is needed while no successor is due. Delete the key where nobody will want it back.",
    commands: [DELETE_INACTIVE],
    settings: ["inactiveKeys"],
  },

  "record-unreadable": {
    group: "blocked",
    why: "The record says what an earlier run left open. One that cannot be read is never a reason to act.",
    next: "Nothing, until the tag `keyturn:rotation` can be read or is gone.",
    person:
      "Somebody wrote into the tag, or a newer keyturn did. Use the newer one, or remove the tag; the keys are then judged as if keyturn had never seen them.",
    commands: [STATUS],
    settings: [],
  },
  "read-denied": {
    group: "blocked",
    why: "Unknown means wait: no step is taken for a user after a question that AWS refused to answer.",
    next: "The next run asks again, and goes on once the permission is there.",
    person: "Give the permission that the report names.",
    commands: [
      ["keyturn policy", "prints every permission that is needed; give it the flags of the run"],
      ["keyturn doctor", "checks which of them are missing"],
    ],
    settings: [],
  },
  "scp-denied": {
    group: "blocked",
    why: "What an organization denies by a service or resource control policy, no permission given in the account can allow. Nothing is tried that would end half done.",
    next: "The next run asks again, and goes on once the organization's policy lets it.",
    person:
      "Ask whoever manages the organization to except keyturn's role from the policy (a condition on `aws:PrincipalArn`), or exclude the account.",
    commands: [["keyturn policy", "prints the calls that have to be let through; give it the flags of the run"]],
    settings: [],
  },
  "read-failed": {
    group: "blocked",
    why: "Unknown means wait: no destructive step follows a read that failed. One user's failure never stops the next.",
    next: "The next run asks again.",
    person: "Nothing at first. If it stays, look at the error that the report names.",
    commands: [["keyturn doctor", "finds what is wrong with credentials, network, clock and destinations"]],
    settings: [],
  },
  "successor-inactive": {
    group: "blocked",
    why: "What a person did stands; and the old key must not go while its successor does not work.",
    next: "It goes on when the new key is Active again, or gone.",
    person:
      "Make the new key Active again in the console, or delete it: the old key then gets another successor when it is due.",
    commands: [["keyturn retire USER ID", "deletes the Inactive successor"], STATUS],
    settings: [],
  },
  "rolled-back": {
    group: "blocked",
    why: "What a person did stands, and a key that a destination serves is never deactivated: whoever wrote the old value back needs it.",
    next: "It goes on when the destination serves the new key again, or when one of the two keys is gone. After `keyturn rollback` the user is on hold besides.",
    person:
      "If the old key is wanted back, retire the new one. If not, write the new value again, or ask for a fresh key once one of the two is gone.",
    commands: [["keyturn retire USER ID", "retires the new key; the old one stays in service"], ROTATE],
    settings: [],
  },
  "destination-changed": {
    group: "blocked",
    why: "A key may be retired only while its successor is served everywhere. Somebody else wrote to the destination since the delivery.",
    next: "It goes on when the destination serves the delivered key again.",
    person:
      "Write the delivered value again, or let a fresh key be delivered. The same happens when a run is given another `--deliver` than the run that made the key: give the same.",
    commands: [ROTATE],
    settings: [],
  },
  "target-of-another-user": {
    group: "blocked",
    why: "Two users never share a target: each rotation would take the other's consumers their key.",
    next: "Nothing, until the target is free or another one is given. It is not written to, whatever anybody asks.",
    person: "Give each user a target of its own.",
    commands: [
      ["keyturn plan --user USER --deliver 'ssm:/keys/{user}'", "for example: {user} keeps the targets apart"],
    ],
    settings: [],
  },
  "target-serves-unknown-key": {
    group: "blocked",
    why: "A value that keyturn did not write, and that is no key of this user, may be in use by somebody: it is not overwritten unasked.",
    next: "Nothing, until a person says which it is.",
    person: "If the value in the target may be overwritten, ask for a rotation. If not, choose another target.",
    commands: [["keyturn rotate USER --deliver KIND:TARGET", "overwrites what the target holds"]],
    settings: [],
  },
  "maybe-delivered": {
    group: "blocked",
    why: "A run died while it handed a key to a destination that cannot be read back, and no escrow has the secret: the key is not deleted, for somebody may hold it.",
    next: "Once somebody uses the new key, keyturn sees that it arrived, and goes on by itself where this is the only destination.",
    person:
      "Ask the receiver. If the key never arrived, free its slot; the next run makes another. With `--escrow ssm` a delivery that was cut off is repeated instead.",
    commands: [["keyturn retire USER ID --delete", "deletes the new key, for which nobody has the secret"]],
    settings: [],
  },
  unexplained: {
    group: "blocked",
    why: "A key that no intent explains may be a person's. Which of the two is in use where, nothing tells: being older proves nothing.",
    next: "Nothing. While no rotation is due, that is no trouble; then the second key is in the way.",
    person: "Decide which of the two goes. The one that is printed is not served, or has been out of use for longer.",
    commands: [
      STATUS,
      ["keyturn retire USER ID", "switches that key off; it can be made Active again until it is deleted"],
      ["keyturn adopt USER --replaces ID --deliver KIND:TARGET", "records which key took the place of which"],
    ],
    settings: ["unexplainedKeys"],
  },
  "unused-key": {
    group: "blocked",
    why: "A due key that nobody uses is a risk without a use. A successor would be one more of that kind, and a secret that nobody collects.",
    next: "Nothing: the only Active key of a user is never switched off without a person.",
    person: "Switch it off: nobody will miss it. If somebody does need it, ask for a successor.",
    commands: [["keyturn retire USER ID", "switches it off; it can be made Active again until it is deleted"], ROTATE],
    settings: ["unusedKeys", "unusedAfter"],
  },
  "no-free-slot": {
    group: "blocked",
    why: "IAM allows two keys, Inactive ones counted, and keyturn frees a slot only by its own rules: `CreateAccessKey` is not even tried.",
    next: "It goes on when a slot is free: when the gate of the old key opens, or when a person retires a key.",
    person: "Retire the key that is printed, or find its consumer.",
    commands: [STATUS, ["keyturn retire USER ID", "deactivates an Active key, deletes an Inactive one"]],
    settings: [...GATES, "inactiveKeys", "unexplainedKeys"],
  },
  "own-key": {
    group: "blocked",
    why: "A run must not pull the rug from under itself: the key that signs it is neither rotated away nor retired by it.",
    next: "Nothing, as long as the runs are signed with this key.",
    person:
      "Where the key comes from a profile of the credentials file, let keyturn switch that profile over to a successor; a later run, signed by the successor, retires the old key. Or run keyturn with another identity: a role has no access key of its own.",
    commands: [
      [
        "keyturn rotate --self --profile NAME",
        "makes a successor, writes it into the profile, and proves that it signs in",
      ],
      ["keyturn run --user USER --profile NAME --deliver KIND:TARGET", "the same, as somebody else"],
    ],
    settings: [],
  },
  "settings-contradict": {
    group: "blocked",
    why: "Of all rules that fit a user the last one that sets something wins, setting by setting; which rules meet may hang on tags, which others may write. What comes out must make sense, or nothing is done to this user. Everybody else has their turn.",
    next: "The next run looks again, and goes on once the rules that fit the user agree.",
    person: "Look at what the report names, and let one of the rules fit fewer users or say less.",
    commands: [["keyturn config show USER", "names the place and the contradiction"]],
    settings: [],
  },
  "tag-unusable": {
    group: "blocked",
    why: "Tags are input from whoever may tag the user: they may name an owner of an allowed domain and move times within what the configuration allows, and no further. A tag that says something else is never guessed at, and blocks nobody but its own user.",
    next: "The next run reads the tags again, and goes on once they can be heeded.",
    person:
      "Correct or remove the tag that the report names; or let the configuration allow more under `owners` or `mail`.",
    commands: [["keyturn config show USER", "names the tag, its value and the limit"]],
    settings: [],
  },
  "destination-unusable": {
    group: "blocked",
    why: "Every destination is checked before a key is made, so that a new secret always has somewhere to go.",
    next: "The next run checks again, and goes on once the destination takes a key. It is not touched until then.",
    person: "Do what the report and its hint say.",
    commands: [
      ["keyturn doctor --user USER --deliver KIND:TARGET", "checks the destination, and says what is in the way"],
    ],
    settings: [],
  },
  "no-destination": {
    group: "blocked",
    why: "A run that does not know where keys are served could take a key in use for an orphan, and would have nowhere to put a new secret.",
    next: "Nothing, until a run is given the destination.",
    person: "Give `--deliver`, the same as the runs before.",
    commands: [["keyturn run --user USER --deliver KIND:TARGET", "with the destination of the runs before"]],
    settings: [],
  },
};
