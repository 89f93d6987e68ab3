# The controller's pages. A key stands here and in ru/pages.ftl; a test compares.
product-name = Digital learning environment: school equipment
skip-to-content = Skip to content
nav-label = Main sections
crumbs-label = You are here
nav-overview = Overview
nav-organizations = Organizations
nav-devices = Devices
nav-tokens = Tokens
nav-review = Doubles and copies
nav-operators = Operators
nav-activity = Activity log
nav-password = Change password
nav-logout = Sign out
footer-time = Page time
pager-label = Pages of the list
pager-previous = Previous
pager-next = Next
search = Search
copy = Copy
yes = yes
no = no
never = never
state = State
actions = Actions
device = Device
devices = Devices
organization = Organization
municipality = Municipality
municipality-any = All municipalities
kind = Kind
inn = INN
kpp = KPP
ogrn = OGRN
contingent = Pupils
source-of-record = Source of the record
room = Room
place = Building and room
hardware = Hardware
last-seen = Last seen

login-title = Sign in
login-login = Login
login-password = Password
login-enter = Sign in
login-hint = The region's administrator gives out logins and one-time passwords. After several failures in a row an account is closed for a while.
login-refused = The login or password is wrong, or the account is closed for a while after several failures. Check the keyboard layout and try again in a few minutes.

password-title = Change password
password-forced = You signed in with a one-time password. Choose your own to go on.
password-current = Current password
password-new = New password
password-again = New password again
password-rule = At least 10 characters, and not the login.
password-change = Change password
password-wrong = The current password is wrong.
password-short = The new password is shorter than 10 characters.
password-common = This password is among those that are tried first: choose another.
password-long = The new password is longer than 200 characters.
password-same-as-login = The new password is the login.
password-same-as-old = The new password is the current one.
password-differs = The new password was typed differently the second time.

overview-title = Overview
overview-organizations = { $count ->
    [one] organization
   *[other] organizations
}
overview-devices = { $count ->
    [one] device
   *[other] devices
}
overview-seen = seen within 24 hours
overview-silent = silent for over 7 days
overview-never = never sent a report
overview-today = enrolled today
overview-recent = Seen within 24 hours
overview-all = All devices in contact
overview-municipalities = By municipality
overview-empty-title = No devices yet
overview-empty = Create a token on an organization's page, install the agent on a computer and run there:
overview-empty-token = TOKEN
durability-sqlite = Durability: a report is acknowledged once it is on this server's disk (SQLite, full synchronisation).
durability-postgres-synchronous = Durability: a report is acknowledged once it is on disk and on a synchronous standby (PostgreSQL).
durability-postgres-synchronous-away = Attention: PostgreSQL's synchronous standby is not connected, so no report is acknowledged now. Agents keep theirs and send them later; nothing is lost. Bring the standby back, or take it out of synchronous_standby_names.
durability-postgres-asynchronous = Durability: a report is acknowledged once it is on the database server's disk; PostgreSQL's standby is asynchronous, and a failover to it may lose the last acknowledged reports.
durability-postgres-local = Durability: a report is acknowledged once it is on the database server's disk (PostgreSQL without a synchronous standby: if that server is lost, the latest reports may be too).
durability-postgres-relaxed = Attention: PostgreSQL is set to acknowledge before its disk has the data (fsync = off); acknowledged reports may be lost in a crash.

organizations-search = Name, INN or OGRN
organizations-found = { $count ->
    [one] { $shown } organization found
   *[other] { $shown } organizations found
}
building-title = Building { $number }
target = target { $rate }
rooms-none = No rooms of this building are registered.
room-add = Add a room
room-add-do = Add
room-number = Number
room-name = Name
room-purpose = Purpose
rooms-whole-building = whole building, no room
room-exists = This building already has a room with that number.
room-number-missing = Give the room's number: at most 20 characters.
devices-none = No devices here yet. Create a token and enroll the first one.

devices-search = Name, model, serial number, processor
devices-filter = Contact
devices-filter-any = All
devices-filter-seen = Seen within 24 hours
devices-filter-silent = Silent for over 7 days
devices-filter-never = Never reported
devices-filter-today = Enrolled today
devices-filter-stated = Stated by another system
devices-filter-left = Left
devices-found = { $count ->
    [one] { $shown } device
   *[other] { $shown } devices
}
devices-collect-do = Check the hardware of all now
device-unnamed = Unnamed
device-place = Where and when
device-move = Move to a room
device-move-do = Move
device-revoke = Revoke the certificate
device-revoke-reason = Reason
device-revoke-do = Revoke
device-revoke-why = A revoked computer can send no reports. A new token brings it back: cos-agent enroll --again TOKEN.
device-collect-do = Check the hardware now
device-revoked = Certificate revoked
device-enrolled = Enrolled
device-agent = Agent version
device-clock = Device clock
device-id = Device number
device-clock-unknown = not compared yet
device-clock-right = right (off by less than 2 seconds)
device-clock-ahead = ahead by { $time }
device-clock-behind = behind by { $time }
duration-seconds = { $count ->
    [one] { $shown } second
   *[other] { $shown } seconds
}
duration-minutes = { $count ->
    [one] { $shown } minute
   *[other] { $shown } minutes
}
duration-hours = { $count ->
    [one] { $shown } hour
   *[other] { $shown } hours
}
duration-days = { $count ->
    [one] { $shown } day
   *[other] { $shown } days
}
chain-title = Chain of reports
chain-why = Each report is signed with the device's key and named by digest in the next one, so a missing or replaced report shows.
chain-place = Epoch and number
chain-head = Latest report
chain-key = Device key
chain-unbroken = unbroken
chain-broken = has breaks
chain-forked = has a fork
chain-empty = no reports yet
finding-times = { $count ->
    [one] { $shown } time in all
   *[other] { $shown } times in all
}
finding-first = first { $at }
sections-label = Sections of this page
section-partial = read in part
section-failed = could not be read
section-missing = This section has not arrived yet.
section-unreadable = The section was received and kept, but its form is not known to this version of the controller. Update the controller.
section-empty = There is no such hardware.
section-problems = What the agent could not read:
section-unknown = Fields that this version of the controller does not know (kept as they are):
section-received = Received
packages-count = { $count ->
    [one] { $shown } package
   *[other] { $shown } packages
}
packages-search = Find in the list
reports = Reports
reports-kept-since = All reports are kept from { $month } on; older ones were let go, but for those that the present state rests on.
reports-found = { $count ->
    [one] { $shown } report
   *[other] { $shown } reports
}
report-place = Epoch and number
report-received = Received
report-device-time = Device clock
report-digest = Digest

tokens-why = A token is a line, a QR code or a file with which a technician enrolls computers into the right room. The line itself is shown once, on creation. New tokens are created on an organization's page.
tokens-found = { $count ->
    [one] { $shown } token
   *[other] { $shown } tokens
}
tokens-none = No tokens yet.
token-new = Create a token
token-create = Create the token
token-place = Where the computers belong
token-uses = Used
token-uses-limit = How many computers may enroll
token-days = Valid for how many days
token-expires = Valid until
token-proxy = The school's proxy (if any)
token-proxy-hint = Like http://10.0.0.1:3128. The agent goes through it from the first try.
token-note = Note
token-revoke = Revoke
token-no-building = The organization has no building. Import the register first.
token-created = Token created
token-once = Copy the token now: it will not be shown again. The controller keeps only its digest.
token-line = The token's line
token-file = Download as a file
token-how = On a computer with the agent installed, run:
token-qr = The same token as a QR code
token-back = To the organization
token-uses-wrong = The number of computers is 1 to 1000.
token-days-wrong = The validity is 1 to 365 days.
token-proxy-wrong = A proxy's address begins with http:// and holds a name or IP address and a port.
token-place-wrong = Choose a building or room of this organization.
token-note-wrong = The note has at most 200 characters.

import-title = Register import
import-why = A CSV (UTF-8) or XLSX file with organizations, buildings and rooms. First you see what will be new, what changes and what the file does not have; nothing happens until you confirm. What the file does not have never vanishes by itself.
import-file = Register file
import-preview = Show the changes
import-preview-title = What will change
import-errors = Errors by line
import-errors-why = A file with errors cannot be imported: the register changes as a whole or not at all. Correct the lines and upload the file again.
import-line = Line
import-column = Column
import-error = What is wrong
import-subject = Record
import-change = Change
import-new = New
import-new-why = Will appear in the register.
import-changed = Changed
import-changed-why = The former values stay in the history.
import-vanished = Not in the file
import-vanished-why = Stay as they are: a person decides on liquidation or reorganization.
import-same = unchanged
import-more = and { $shown } more
import-confirm = Confirm the import
import-discard = Discard
import-outdated = The register has changed since this list was shown. Upload the file again.
import-warnings = Please note
import-no-file = Choose a file.
import-nothing = The file does not differ from the register.

operator = Operator
operator-new = New operator
operator-role = Role
operator-scope = Scope
operator-scope-region = whole region
operator-created = Created
operator-name = Signs as (position or name)
operator-login-rule = Latin letters, digits, dot, hyphen; 3 to 64 characters.
operator-municipality = Municipality (for a municipality operator)
operator-organization = Organization (for a school technician)
operator-organization-rule = Its ОГРН (13 digits), or its number from the address of its page.
operator-create = Create the operator
operator-disable = Disable
operator-reset = New password
operator-password-title = One-time password
operator-password-once = Hand the password over in person: it will not be shown again. It must be changed at the first sign-in.
operator-login-wrong = Login: Latin letters, digits, dot, hyphen, 3 to 64 characters.
operator-login-taken = This login is taken.
operator-name-wrong = Say how the operator signs: at most 120 characters.
operator-role-wrong = Choose a role from the list.
operator-scope-wrong = Give this role its scope: a municipality for a municipality operator, an organization for a school technician, nothing for others.

activity-why = Who did what, and when. Entries are only added: they cannot be changed or removed on these pages.
activity-found = { $count ->
    [one] { $shown } entry
   *[other] { $shown } entries
}
activity-at = When
activity-action = Action
activity-subject = Subject
activity-detail = Details

trust-title = How to trust this server
trust-why = This server's certificate was issued by the region's own certificate authority, so a browser may warn about it. To end the warning, install the region's root certificate, once on each workplace.
trust-step-check = 1. Compare the fingerprint
trust-check = Compare it with the one the regional operator gave you by phone or letter. If a single character differs, install nothing.
trust-fingerprint = SHA-256 of the root certificate
trust-step-install = 2. Install the certificate
trust-download = Download the root certificate
trust-windows = Windows: open the file, Install Certificate → Local Machine → Trusted Root Certification Authorities.
trust-linux = Linux: copy the file to /usr/local/share/ca-certificates and run update-ca-certificates (ALT, RED OS: /etc/pki/ca-trust/source/anchors and update-ca-trust).
trust-firefox = Firefox: Settings → Privacy & Security → Certificates → View → Authorities → Import.
trust-agents = Agents do not need this: the fingerprint is in their token.

error-home = To the first page
error-400-title = The request was not understood
error-400 = The address or the form is filled in wrongly. Go back and try again.
error-403-title = Not allowed
error-403 = Your role does not allow this. If it should, ask the region's administrator.
error-403-csrf-title = The form is out of date
error-403-csrf = The form was opened too long ago or sent from another site. Go back, reload the page and send it again. Nothing was changed.
error-404-title = Page not found
error-404 = There is nothing at this address, or it does not belong to your organization.
error-405-title = Not that way
error-405 = This address does not accept such a request.
error-413-title = The file is too large
error-413 = What was sent is larger than allowed. Split the file.
error-503-title = The database is unavailable
error-503 = The controller cannot reach its database, or its disk is full. Nothing is lost; try again in a minute.
error-500-title = Internal error
error-500 = It was written to the controller's log. Try again; if it happens again, tell the administrator the time and the page's address.

review-why = A computer is known by its key; the numbers of its parts are evidence. Here are the cases where key and evidence say different things: what the system decided by itself and what a person has to decide. Every decision can be undone.
review-which = Which cases are shown
review-open = Awaiting a decision
review-all = All
review-found = { $count ->
    [one] { $shown } case
   *[other] { $shown } cases
}
review-times = { $count ->
    [one] seen { $shown } time
   *[other] seen { $shown } times
}
review-none = There are no such cases.
review-case = Case
review-seen = Seen
review-and = and
review-unnamed = unnamed
review-decided = Decided by
review-reason = Reason
review-elsewhere = The second record is in another school
review-elsewhere-why = It is not in your charge; the region's administrator decides.
review-merged-away = merged into another
review-evidence = What agrees and what differs
review-part = Evidence
review-both = Agrees
review-known = Only before
review-present = Only now
review-weight = Weight
review-weight-why = Plus speaks for one computer, minus for two. Fillers of makers and numbers that many computers carry weigh nothing; parts that could not be read speak neither for nor against.
review-common = carried by many, not counted
review-copies = { $count ->
    [one] { $shown } copy with a record of its own
   *[other] { $shown } copies with records of their own
}
review-copies-why = Copies are recorded in the same building without a room: say which on the device's page.
review-decide = Decision
review-merge-why = If this is one computer, merge the records. The reports of both stay where they are and both chains can be seen; the merge can be undone.
review-keep = Which record stays
review-merge-do = Merge
review-undo-do = Undo the decision
review-undo-why = The records become what they were before; keys that were issued since return to their record.
review-split = These are different computers: split the record
review-split-why = The key gets a record of its own, with its reports and its chain. The agent is given a certificate for it.
review-split-key = Which key to part (first seen)
review-split-do = Split
review-dismiss = Dismiss: there is nothing to decide
review-dismiss-do = Dismiss
review-related = Related records
review-of-copy = This is a copy of the disk of
review-merged-into = The record was merged into
review-merged-here = Merged into this record
review-cases = Cases

nav-evidence = Evidence
overview-checkpoint = Newest checkpoint:
device-export = Export its signed reports
evidence-newest = Newest checkpoint
evidence-line-why = Mail this line to somebody who does not depend on the region, or print it: nobody can then change or add unnoticed what it stands for. Its last word checks the line for typing errors.
evidence-none = There is no checkpoint yet: the first is taken within the controller's first minutes.
evidence-take = Take one now
evidence-export = Export
evidence-export-why = The archive is checked without a server or a network: reports exactly as the controller received them, signatures, certificates, checkpoints.
evidence-whose = Organization or device
evidence-whose-rule = An organization's ОГРН, or a device's id from its page.
evidence-from = First day
evidence-to = Last day, included
evidence-download = Download the archive
evidence-verify = Check the archive on any computer:
evidence-span-wrong = Give days as YYYY-MM-DD; the first no later than the last.
evidence-whose-wrong = There is no such organization or device in your part of the region: check the ОГРН or the id.
evidence-checkpoints = Checkpoints
evidence-why = Once a day the controller sums up the newest reports of all devices and all certificates it issued in one line, chained to the line before. Whoever kept a line can prove that what it stands for was not changed or added to since, even if the region itself wanted to.
evidence-at = Complete to
evidence-chains = Chains
evidence-log = Certificate records
evidence-line = Line

nav-changes = What changed
nav-parts = Find a part
nav-names = Names of codes
changes-why = What became of the hardware: which parts are gone, came or moved to another device, where memory, processor or system are others. A part that left one device and was found in another is one line.
changes-at = When
changes-kind = What happened
changes-kind-any = Everything
changes-what = Part or property
changes-school = School (its name or a part of it)
changes-school-unknown = There is no such school in your area.
changes-school-which = There are several such schools. Which one?
changes-more = the newest are shown; the rest can be seen by school
changes-found = { $count ->
    [one] { $shown } change
   *[other] { $shown } changes
}
changes-from = before in the device
changes-also = the same number is stated by
changes-left-at = gone from there { $at }
changes-presumed = the former device has been silent since: look at it on site
changes-elsewhere = a device of another organization
part = Part
part-slot = Place
part-first-seen = First seen
part-last-seen = Last seen
part-here = in place
part-gone = no longer there
parts-why = Which device has this part now, and where it was before. Parts with a number of their own are followed: memory modules, disks, boards, screens, batteries, network cards.
parts-search = Serial number (from its beginning), burnt-in address, model or part number
parts-hint = Type the number on the label, or the model.
parts-more = there are others: say more
parts-found = { $count ->
    [one] { $shown } part
   *[other] { $shown } parts
}
history = History of parts
history-none = This device named no part with a number of its own.
history-teach = Name an unknown code
names-why = Computers report codes: PCI and USB, makers of memory by JEDEC, models of panels. What they are called is known here: what people taught goes before what is shipped with the program.
names-taught = Taught by people
names-none = Nothing yet: what is shipped is enough.
names-teach = Teach a name
names-shipped = Shipped with the program
names-count = { $count ->
    [one] { $shown } name
   *[other] { $shown } names
}
name-code = Code
name-name = Name (of a panel: inches)
name-source = How it is known
name-who = Taught by
name-when = When
name-forget = Take back
name-teach-do = Teach
name-code-rule = PCI and USB: 8086:5916, or the vendor alone: 8086. JEDEC: 80CE. Panel: the model as the device's page shows it.
name-source-rule = For example: the label on the board, the panel's data sheet, a tape measure.
name-wrong = A name has 1 to 80 characters.
name-inches-wrong = A panel's diagonal is written in inches: 15.6 or 86.
name-source-wrong = Say how it is known, in at most 200 characters.

# What other systems state
evidence-stated = stated by another system
overview-stated = stated by another system
stated-why = Another inventory system told of this computer; no agent of it has signed anything. This cannot be checked and stands in place of nothing that agents report. When an agent starts on the computer, a case «likely double» appears, and people decide whether it is one device.
stated-origin = Stated by
stated-client = Program
stated-file = File
stated-looked-at = Looked at (by the computer's clock)
stated-imported = Imported
stated-foreign-id = Name in the other system
stated-retire-do = Retire
stated-return-do = Return to the count
device-import-do = Import from GLPI or OCS
device-import-title = What other systems state
device-import-why = Files of GLPI (JSON) and of FusionInventory or OCS (XML), one computer in each. The devices are marked «stated by another system»: such a word cannot be checked and stands in place of nothing that agents report. Persons' data (users, processes, owners, names of printers with surnames) is dropped before anything is stored.
device-import-place = Where the computers are
device-import-files = Files
device-import-too-many = At most { $shown } files at a time.
device-import-nothing = There is nothing to write.
device-import-device = Computer
device-import-outcome = What happens
device-import-sections = Sections
device-import-stripped = Not kept
device-import-stripped-why = Each file is written whole or not at all. The last column names the keys with persons' data, whose contents are not kept.
device-import-outcome-new = new
device-import-outcome-changed = changed
device-import-outcome-unchanged = unchanged
device-import-outcome-older = older than what is held, passed over
device-import-outcome-refused = refused
device-import-other-hardware = The other system calls another computer the same; this is a device of its own.
device-import-left-out = Entries beyond the limit that are not kept: { $shown }.
device-import-fault-unreadable = The file cannot be read
device-import-fault-too-large = The file is larger than allowed, bytes
device-import-fault-empty = The file is empty
device-import-fault-compressed = The file is compressed; unpack it
device-import-fault-not-text = This is no text, line
device-import-fault-unknown-format = This is neither JSON nor XML
device-import-fault-broken-json = The JSON is broken, line and column
device-import-fault-several-documents = The file holds a list; one document per file is taken
device-import-fault-broken-xml = The XML is broken, byte
device-import-fault-doctype = XML with a DOCTYPE is not taken
device-import-fault-too-deep = The XML is nested too deeply
device-import-fault-too-many-elements = The XML has too many elements
device-import-fault-not-request = The root of the XML is not REQUEST
device-import-fault-no-device-id = There is no deviceid, by which the computer is known in the next file
device-import-fault-no-content = There is no content
device-import-fault-not-a-computer = This does not describe a computer
device-import-fault-not-an-inventory = This is no inventory
device-import-fault-states-nothing = Nothing is said about a computer
device-import-fault-partial-of-unknown = A partial inventory of an unknown device; import a full one first
device-import-fault-section-too-large = A section is larger than allowed
device-import-fault-contended = Somebody else is importing the same file; try again
nav-lines = Internet
lines-title = Internet at schools
lines-by-municipality = By municipality
lines-total = Buildings in all
lines-how = A building is judged by the measurements of the last 28 days: lesson hours only, minutes drawn at random only, invalid ones never averaged in. Rates are those of IP, to the school. «Passed / valid» counts valid measurements at the norm; p10 is the rate that one measurement in ten does not exceed.
line-standing = Standing
line-standing-any = Any standing
line-norm = Norm
line-contracted = Contracted
line-median = Median
line-tenth = p10
line-passes = Passed / valid
line-invalid = Invalid measurements
line-measured-at = Last measured
line-workbook = XLSX workbook
line-act = Act of measurement
line-generated = Sample data: these measurements were made up for a demonstration, nobody measured anything.
line-due = Due 31.12.2021
line-due-not-proven = not proven within the time shown
line-due-before = within the time shown first proven on { $date }, before it was due
line-due-after = within the time shown first proven on { $date }, after it was due
line-span = Span
line-chart = Measurements over time
line-chart-title = The line's rate over time: { $school }
line-chart-norm = Norm { $rate }
line-chart-contract = Contract { $rate }
line-chart-before-due = before it was due
line-chart-after-due = after it was due
line-chart-weeks = standing at a week's end
line-attempts = Attempts in lesson hours
line-proven-share = Proven share of lessons
line-worst-hour = Worst hour
line-full-drains = Fully drained / deep
line-not-counted = Shown, not counted
line-one-sided = One-sided (could only have passed)
line-samples = Measurements
line-samples-none = Nobody measured the line in this time.
line-sample-at = When
line-sample-direction = Direction
line-sample-carried = IP rate
line-sample-verdict = Verdict
line-sample-why = Reasons and notes
line-sample-how = How it was measured
line-note-generated = sample data
line-note-out-of-lessons = outside lesson hours, not counted
line-note-one-sided = could only have passed
line-note-deep = deep measurement
line-note-full-drain = fully drained
line-note-short-drain = briefly drained
line-note-raw = the method itself showed { $rate }
line-contract = Contracted speed
line-contract-none = No contracted speed was recorded yet.
line-contract-unknown = not known
line-contract-document = Contract: number and date
line-contract-at = Recorded
line-contract-by = By
line-contract-speed = Mbit/s
line-contract-save = Record
line-contract-rule = An empty speed means: not known any more. Former entries stay.
line-contract-speed-wrong = The speed is a number in Mbit/s with three decimals at most.
line-contract-document-wrong = Name the contract: number and date, 200 characters at most.
line-rule = By which rule
line-rule-version = Rule { $version }.
line-rule-tolerance = Tolerance: { $share } of the norm.
line-rule-share = The norm is met if it is proven with 95 % confidence that it is met in { $share } of lessons at least (one-sided Clopper–Pearson bound).
line-rule-least = Fewer than { $count } valid measurements prove nothing.
line-rule-lessons = Lesson hours { $hours } by the municipality's clock, except on Sundays and in summer.
line-rule-valid = A shortfall counts only where nothing but the line can have been the cause: a wired card with room to spare, an idle computer, a server that kept its pace, silent neighbours, a full line. Invalid measurements are never averaged in.
line-act-title = Act of measurement of internet access
line-act-address = Address
line-act-period = Period
line-act-result = Result
line-act-samples = All measurements, valid and invalid
line-act-evidence = Evidence
line-act-evidence-how = Each measurement is signed with the computer's key and stands in its chain of reports. An export of evidence is checked by cos-controller evidence verify without the controller; the checkpoint's line below proves that the reports did not appear after it.
line-act-school = For the school
line-act-provider = For the provider
line-act-sign = _____________________ / _____________________ /  ____________ 20___
overview-lines = Internet: where buildings stand
lines-found = { $count ->
    [one] { $shown } building
   *[other] { $shown } buildings
}
line-samples-found = { $count ->
    [one] { $shown } measurement
   *[other] { $shown } measurements
}
line-note-together = { $count ->
   *[other] { $shown } computers together
}

# When it ran
uptime = When it ran
uptime-none = No day is over yet: an agent tells once a day when its computer ran.
uptime-never = It was not switched on once in { $days } school days.
uptime-summary = It ran on { $ran } of { $days } school days; on such a day for { $mean } on average, of which { $lessons } in lesson hours.
uptime-by-days = By days
uptime-day = Day
uptime-ran = Ran
uptime-off = off
uptime-minutes = { $minutes } min
uptime-hours = { $hours } h
uptime-hours-minutes = { $hours } h { $minutes } min
uptime-started = Started:
uptime-own-clock = by the computer's clock
uptime-why = Quarter hours in which the agent ran, by the municipality's clock; sleep does not count. The light band is lesson hours. The agent tells only that the computer is on, and nothing of who did what on it.
