"""Every bound of the protocol, with its unit and where it came from.

Source of most values: the design pages (market 1-4, network 1-6). A value marked *guess* has not
been measured. `docs/reference/limits.md` is compared with this module by a test.
"""

from __future__ import annotations

from typing import Final

# --- canonical bytes (market 1) ------------------------------------------------------------
depth_max: Final = 16
"""Nesting of arrays and maps in any signed text or message."""
items_max: Final = 4_096
"""Values of any kind in one signed text."""

# --- objects (market 1) --------------------------------------------------------------------
net_chars_max: Final = 32
"""Characters of a network id."""
public_bytes_max: Final = 8 * 1024
"""A gossiped envelope."""
sealed_bytes_max: Final = 48 * 1024
"""An envelope inside a letter."""
first_letter_bytes_max: Final = 8 * 1024
"""The first letter of a stranger to a cast."""
cast_ttl_ms_max: Final = 60 * 86_400_000
"""Life of an intentcast and its revoke."""
long_ttl_ms_max: Final = 2 * 365 * 86_400_000
"""Life of a profile and of sealed kinds."""
statement_ttl_ms_max: Final = 10 * 365 * 86_400_000
"""Life of a rotation and of a revocation: contacts may come back after years; guess."""
skew_ms_max: Final = 10 * 60_000
"""How far in the future `at` may lie."""
expiry_tolerance_ms: Final = 2 * 60_000
"""Tolerance when an expiry is judged at recording (I10)."""
money_minor_max: Final = 10**13
"""Largest amount, in minor units."""
pow_bytes: Final = 8
"""Length of a proof-of-work nonce."""
pow_base_bits_main: Final = 16
"""Base work of a public object in `net=main`."""
pow_base_bits_other: Final = 8
"""Base work elsewhere."""
pow_surplus_bits_max: Final = 4
"""Most that size and life can add to the base."""
public_place_resolution_max: Final = 7
"""Finest H3 resolution in a public object, about 5 km2."""

# --- channel and links (network 1-2) -------------------------------------------------------
frame_bytes_max: Final = 64 * 1024
"""Ciphertext of one frame."""
handshake_bytes_max: Final = 8 * 1024
"""All bytes a peer may send before its handshake ends."""
handshake_ms_max: Final = 10_000
"""Time a handshake may take."""
peer_stall_ms: Final = 20_000
"""A peer that has not taken a whole frame within this time goes."""
outbound_links: Final = 10
"""Outbound links a node keeps."""
inbound_links_max: Final = 64
"""Inbound links before a relay makes room for another."""
peer_queue_bytes_max: Final = 4 * 1024 * 1024
"""Bytes waiting for one peer; guess."""
node_record_age_ms_max: Final = 24 * 3_600_000
"""Oldest node record that is believed or passed on."""
node_record_bytes_max: Final = 1_024
"""A signed node record."""
addresses_per_node_max: Final = 4
"""Addresses in one node record."""
records_per_answer_max: Final = 16
"""Node records in one answer, and asked of a peer on connect."""
known_nodes_max: Final = 4_000
"""Node records kept on disk, and nodes remembered that could not be linked."""
ids_per_message_max: Final = 1_024
"""Ids in one announcement or request."""
objects_live_max: Final = 1_000_000
"""Live public objects a relay carries."""
pending_objects_max: Final = 20_000
"""Objects between admission and verdict."""
rejected_ids_max: Final = 65_536
"""Ids remembered as provably bad."""

# --- post (network 6) ----------------------------------------------------------------------
mailboxes_per_reply_max: Final = 3
"""Mailbox nodes in one reply."""
letter_pad_bytes: Final = 512
"""A letter's plaintext is a multiple of this."""
box_letters_max: Final = 256
"""Letters waiting in one box."""
box_bytes_max: Final = 1024 * 1024
"""Bytes waiting in one box."""
mailbox_bytes_max: Final = 1024 * 1024 * 1024
"""Letters and receipts of others that one mailbox keeps, over all its boxes; guess."""
mailbox_short_percent: Final = 80
"""So full a mailbox is short of room: a letter owes more work, by a bit for each percent, and old
ones go; guess."""
letter_kept_ms: Final = 30 * 86_400_000
"""Letters and receipts older than this make room where a mailbox is short of it: a reader may be
away for some weeks; guess."""
depositor_letters_max: Final = 8
"""Unreceipted letters one connection may hold in one box."""
boxes_served_max: Final = 100_000
"""Boxes one mailbox node keeps open; guess."""
put_bits_min: Final = 8
"""Work over (mailbox, reader, letter hash)."""
put_share_bytes: Final = 4_096
"""A box's bytes over its letters: a letter owes a bit more for each doubling of its size beyond."""
box_open_bits_main: Final = 16
"""Work of a BoxOpen in `net=main`."""
box_open_bits_other: Final = 8
"""Work of a BoxOpen elsewhere."""
box_until_ms_max: Final = 400 * 86_400_000
"""How far ahead a box may be opened; guess."""
receipt_bytes_max: Final = 1_024
"""A sealed receipt."""
read_wait_ms_max: Final = 60_000
"""Longest long-poll of a box."""
letter_bytes_max: Final = sealed_bytes_max + 8 * 1024
"""A sealed letter with padding, frame room included."""

# --- market machines (market 5) ------------------------------------------------------------
parked_per_thread_max: Final = 64
"""Letters waiting for a missing parent in one thread."""
thread_objects_max: Final = 256
"""Objects kept of one party in one thread; ten rounds and a deal make some twenty; guess."""
parked_ms_max: Final = 10 * 60_000
"""How long a parked letter waits before it is let go, unreceipted."""
confirm_within_firm_ms: Final = 15 * 60_000
"""Default `confirm_within` of a firm offer."""
confirm_within_ms_max: Final = 24 * 3_600_000
"""Longest `confirm_within`, and the default when not firm."""
confirm_within_ms_min: Final = 60_000
"""Shortest `confirm_within`; a shorter promise could not survive one retry."""
void_grace_ms: Final = 2 * 60_000
"""A buyer may not void before `confirm_by` plus this."""
offers_per_cast_max: Final = 256
"""Live offers a buyer keeps for one cast."""
reply_margin_ms: Final = 60 * 86_400_000
"""In a deal a reply lasts to the last promised date plus this."""

# --- values (market 1) ---------------------------------------------------------------------
category_depth_max: Final = 4
"""Slugs in a category path."""
slug_chars_max: Final = 40
"""Characters of a category slug or an attribute key."""
category_chars_max: Final = category_depth_max * slug_chars_max + category_depth_max - 1
"""Characters of a category path: four slugs and three slashes."""
decimal_digits_max: Final = 15
"""Digits on each side of the point of a decimal string: any such value compares exactly."""
quantity_chars_max: Final = 24
"""Characters of a quantity's decimal string."""
unit_chars_max: Final = 8
"""Characters of a unit code; UN/CEFACT codes have at most three, our own at most eight."""
place_radius_km_max: Final = 20_000
"""Widest circle of a place: half the way round the Earth."""
attribute_text_chars_max: Final = 200
"""Characters of one attribute value or list item."""
attribute_items_max: Final = 32
"""Items of a list attribute."""
input_chars_max: Final = 400
"""Characters of any text a person or feed gives for one value; longer is refused unread."""

# --- channel messages (network 1) ----------------------------------------------------------
noise_message_bytes_max: Final = 65_535
"""One Noise message (Noise specification, section 3); one byte less than `frame_bytes_max`."""
frame_bytes_min: Final = 60 * 1024
"""Smallest frame a peer may ask for; the largest letter fits."""
frame_tag_bytes: Final = 16
"""Poly1305 tag at the end of a frame."""
frame_messages_max: Final = 1_024
"""Messages in one frame; guess."""
message_bytes_max: Final = frame_bytes_min - frame_tag_bytes - 3
"""One channel message: it fits a frame of any peer, three bytes being the array's head."""
versions_max: Final = 8
"""Protocol versions a `Hello` may name."""
agent_chars_max: Final = 64
"""Characters of the software's name in a `Hello`."""
detail_chars_max: Final = 200
"""Characters of the sentence in a refusal or goodbye."""
objects_per_message_max: Final = 256
"""Envelopes in one message; their bytes are bounded by `message_bytes_max` anyway."""
letters_per_message_max: Final = 64
"""Letters in one answer to a box's reader."""
receipts_per_message_max: Final = 48
"""Letter hashes asked about at once: as many receipts of full size fit one message."""
box_open_bytes_max: Final = 512
"""A signed BoxOpen record."""
requests_open_max: Final = 1_024
"""Questions unanswered on one link; guess."""

# --- post, in detail (network 6) -----------------------------------------------------------
opened_fields_max: Final = 16
"""Disclosed values in one letter; an acceptance names as many."""
opened_chars_max: Final = 2_000
"""Characters of one disclosed value."""
receipt_pad_bytes: Final = 256
"""A receipt's plaintext is a multiple of this; one step in practice."""
put_bits_max: Final = 22
"""Most work our sender does for a place in a full box: three seconds of a processor, and whoever
would keep it out has to do as much for each 4 KiB of the box; guess."""
post_questions_max: Final = 64
"""Post questions of one link a mailbox works on at a time; guess."""
parked_letters_max: Final = 256
"""Letters a reader holds for a missing parent, over all its boxes; guess."""
put_mailboxes_min: Final = 2
"""Mailboxes that hold a letter before it counts as put, where the reply names that many."""
box_renew_ms: Final = 7 * 86_400_000
"""A box is opened anew when it would close sooner than this."""

# --- gossip and standing (network 2, 4) -----------------------------------------------------
verify_batch_max: Final = 16
"""Candidates verified in one run before the loop turns."""
verify_process_run_max: Final = 64
"""Candidates of one run for a process of its own, where nothing waits for the loop."""
verify_queue_peer_max: Final = 1_024
"""Candidates of one peer waiting to be verified; guess."""
pending_peer_pause: Final = 512
"""Candidates of one peer at which nothing more is read from it for the moment."""
pending_pause: Final = 2_000
"""Candidates of all peers at which nothing is read from those with more than their share."""
suppliers_max: Final = 16
"""Peers remembered as suppliers of one object that is not held yet."""
declined_ids_max: Final = 200_000
"""Ids refused by policy and remembered, so that they are not asked for again."""
wanted_ids_max: Final = 20_000
"""Announced ids waiting to be asked for or served; guess."""
wants_open_max: Final = 256
"""Ids asked of one peer and not yet served; guess."""
want_silence_ms_max: Final = 10_000
"""A peer that serves nothing of what it announced for this long broke its promise; guess."""
sought_ids_max: Final = 1_024
"""Objects this node itself asks everybody for; guess."""
sought_ms_max: Final = 10 * 60_000
"""How long such an object is asked of every newcomer; guess."""
holders_ids_max: Final = 65_536
"""Objects whose holders among the peers are remembered; guess."""
holder_places_max: Final = 128
"""Peers remembered as holders before those that left are forgotten; more than there are links."""
served_times_max: Final = 2
"""How often one object is served to one link that asks for it; a push may have gone before."""
served_again_ms: Final = 10 * 60_000
"""After this it is served as often again: what was sent may never have arrived; guess."""
served_names_max: Final = 65_536
"""Objects remembered as served, of all links together; guess."""
heartbeat_ms: Final = 1_000
"""Period of announcements and of looking after wants."""
sweep_ms: Final = 60_000
"""Period of the sweep of expired objects and stale records."""
catch_up_ms: Final = 5 * 60_000
"""Period of comparing all ids with one peer."""
silence_ms: Final = 20_000
"""When nothing came over any link for so long, a node compares early, then after twice that."""
fault_half_life_ms: Final = 30 * 60_000
"""Fault points halve in this time."""
fault_points_no_push: Final = 20
"""Fault points at which a peer holds no push place."""
fault_points_unwelcome: Final = 50
"""Fault points at which a link is closed, and none is made while they last."""
fault_points_max: Final = 100
"""Fault points at which a peer is disconnected and its key refused."""
ban_ms: Final = 3_600_000
"""How long a key is refused after that."""
faults_kept_max: Final = 4_096
"""Keys whose faults are remembered; guess."""
merit_max: Final = 1_000
"""Most merit a key can have."""
records_pause_ms: Final = 1_000
"""Shortest time between two answers with node records to one peer: choosing them costs; guess."""
hints_per_node_max: Final = 3
"""Records of one transport key under different signing keys, until a handshake settles it."""
links_on_demand_max: Final = 48
"""Links dialled to leave or fetch letters, or for a tunnel, beyond `outbound_links`; guess."""
links_for_guests_max: Final = 16
"""Of them those for tunnels that peers asked for; guess."""
dials_open_max: Final = 16
"""Dials in flight."""
dials_post_max: Final = 16
"""Dials in flight to mailboxes for our own post; guess."""
dials_guest_max: Final = 8
"""Dials in flight to the far ends of tunnels that peers ask for; guess."""
dial_ms_post: Final = 5_000
"""Time for a dial to a mailbox, from its first packet to the link; guess."""
dials_post_unproven_max: Final = 8
"""Dials in flight to mailboxes that nobody here has ever met; guess."""
dial_ms_guest: Final = 2_000
"""Time for such a dial, the wait for its turn and all; guess."""
dial_backoff_ms_min: Final = 1_000
"""First wait before an address is dialled again; guess."""
dial_backoff_ms_max: Final = 5 * 60_000
"""Longest wait before an address is dialled again; it is tried for ever; guess."""
dial_address_ms_max: Final = 30_000
"""Longest wait before an address is dialled again for another key; guess."""
dial_group_free: Final = 8
"""Dials in vain in a row into one address group, before it too is left alone; guess."""
dial_group_ms_max: Final = 10_000
"""Longest wait before an address group is dialled again; guess."""
dial_places_max: Final = 8_192
"""Addresses and groups, and nodes at addresses, of which dials are remembered; guess."""
clock_peers_min: Final = 3
"""Peers whose clocks are needed before ours is compared with their median."""

# --- absence (market 1, network 6) -----------------------------------------------------------
mailbox_lost_ms: Final = 3_600_000
"""A mailbox of ours that failed for so long, while others were in reach, is replaced."""
mailbox_refused_ms: Final = 10 * 60_000
"""One that answers, and will not keep our box, is replaced after this; guess."""
former_mailboxes_max: Final = 6
"""Mailboxes a box left that are read on; the ones left first go; guess."""
letter_refused_ms: Final = 3 * 86_400_000
"""A letter every mailbox of its reply refuses for so long is given up: its reader had a long
weekend to open the box again, or to say where it is now; guess."""
void_lost_ms: Final = 24 * 3_600_000
"""A silent deal whose mailboxes are all gone for good is voided this long after it could be."""

# --- restore and succession (node 3) ---------------------------------------------------------
told_objects_max: Final = 24
"""Objects of a thread in one answer to `asked`; the newest are given; guess."""
told_bytes_max: Final = 40 * 1024
"""Their bytes: the answer fits one sealed object."""
told_pause_ms: Final = 60_000
"""Shortest time between two answers to `asked` in one thread: each costs up to 48 KiB; guess."""
lineage_max: Final = 64
"""Rotations followed from one key; guess."""

# --- neighbours and invites (network 2, reliability T26 and T31) -----------------------------
invite_chars_max: Final = 2_048
"""Characters of an invite link."""
invite_ttl_ms_max: Final = 7 * 86_400_000
"""Life of an invite."""
invite_token_bytes: Final = 16
"""Token of an invite for one."""
invites_open_max: Final = 256
"""Invites for one that wait to be used; guess."""
neighbours_kept_max: Final = 32
"""Nodes a node stays linked to because its owner said so; guess."""
neighbours_noted_max: Final = 1_024
"""Nodes kept in mind as refused or as guests, each; the ones longest not seen go; guess."""
nearby_nodes_max: Final = 64
"""Nodes shown of those that announce themselves in the local network."""
nearby_per_host_max: Final = 5
"""Nodes shown at one IP address."""
nearby_names_max: Final = 4
"""Announcements remembered of one node, and addresses of one announcement."""
nearby_txt_bytes_max: Final = 256
"""TXT record of an announcement."""

# --- addresses and links (network 2) ---------------------------------------------------------
buckets_new: Final = 256
"""Buckets of addresses that were heard of."""
buckets_tried: Final = 64
"""Buckets of addresses that were reached."""
bucket_places: Final = 32
"""Places of a bucket."""
buckets_per_source_max: Final = 16
"""New buckets that one group of sources can fill: a sixteenth."""
buckets_per_group_max: Final = 4
"""Tried buckets that one address group can fill: a sixteenth."""
group_new_max: Final = buckets_new * bucket_places // 16
"""Places among the new ones that one address group can take, whoever speaks for it."""
contests_max: Final = 10
"""Nodes that wait for a tried place until the one who holds it was looked after."""
contest_ms: Final = 4 * 3_600_000
"""A node reached since then keeps its tried place without a test; Bitcoin's value."""
nodes_apart_max: Final = 256
"""Nodes in reach of which nobody else may be sent, such as those in the local network; guess."""
node_memory_ms_max: Final = 30 * 86_400_000
"""A node neither reached nor heard of for this long is dialled no more; Bitcoin's value."""
records_first_max: Final = 250
"""Records a new link may tell at once."""
records_pace_ms: Final = 10_000
"""After that, one more in this time."""
links_needed: Final = 3
"""With fewer dialled links a node is in need, and dials in earnest."""
dials_gentle_max: Final = 4
"""Dials in flight of a node that is not in need; guess."""
dial_ms_needed: Final = 2_000
"""Time for a dial of a node in need."""
dial_ms_max: Final = 15_000
"""After this a dial counts as ended, whatever became of it."""
dial_pause_ms: Final = 10_000
"""Pause after none was found to dial, for a node that is not in need; guess."""
feeler_ms: Final = 2 * 60_000
"""Period of short links that look whether a node is there."""
returns_max: Final = 10
"""Peers remembered whose links broke without a word: as many as there are outbound links."""
return_ms: Final = 20_000
"""Period of looks whether one of them is back: a split network is whole again within a minute."""
return_lasts_ms: Final = 10 * 60_000
"""Who came back and breaks sooner than this is not looked after again; guess."""
anchors: Final = 2
"""Links that are made first after a restart."""
inbound_reserve: Final = 16
"""Inbound links beyond `inbound_links_max`, for those who come for their letters; guess."""
room_margin: Final = 2
"""A peer is let go only for one that has so many outbound links fewer."""
room_pause_ms: Final = 60_000
"""Newcomers of one address group get room made for them once in this time."""
room_groups_max: Final = 1_024
"""Address groups remembered for that; guess."""
first_protects_ms: Final = 3_600_000
"""A peer that was first with anything in this time is not let go."""
visit_ms: Final = 30_000
"""Time for a visitor beyond `inbound_links_max` to show that it comes for its letters; guess."""

# --- levels, names and pulls (network 2-7) ---------------------------------------------------
interest_categories_max: Final = 64
"""Category paths in a leaf's filter; guess."""
interest_cells_max: Final = 256
"""H3 cells in a leaf's filter; guess."""
outbound_told_max: Final = 1_024
"""Most outbound links a node may say it has."""
ranges_bytes_max: Final = 16 * 1024
"""Ranges in one round of reconciliation."""
stem_per_message_max: Final = 16
"""Objects in one stem message; guess."""
tunnel_piece_bytes_max: Final = 32 * 1024
"""A piece of an inner frame; two carry the largest."""
push_links: Final = 2
"""Links that push whole objects to a leaf, K: on what it has hardly anybody waits."""
push_links_relay: Final = 5
"""Those of a relay: everybody else waits for what relays have."""
ids_links: Final = 9
"""Further links that name what is new."""
push_slots: Final = 32
"""Peers a node pushes to, unless its uplink bears fewer ..."""
push_slots_min: Final = 8
"""... and at least so many."""
lag_unknown_ms: Final = 200
"""What the lag of a new link that this node or its owner chose is taken to be; guess."""
lag_step_percent: Final = 15
"""How far a lag moves towards the newest, of 100: a third sooner links flip twice as often."""
lag_lead_ms_max: Final = 300
"""How far ahead of the object itself its name may count; guess."""
lag_silent_ms: Final = 500
"""The lag of a link that did not show an object at all, and of one that came by itself; guess."""
choice_hysteresis_ms: Final = 40
"""How much sooner another link must be before it takes a push place."""
choice_tie_ms: Final = 5
"""Links that differ by less are alike, and address groups decide; guess."""
promise_penalty_ms: Final = 200
"""What a broken promise adds to a link's lag."""
penalty_ms_max: Final = 5_000
"""The most that broken promises add; guess."""
penalty_half_life_ms: Final = 60_000
"""What was added halves in this time; guess."""
push_refused_ms: Final = 60_000
"""How long a link that would not push is not asked again; guess."""
push_spared_max: Final = 3
"""Objects in a row that a link which pushes is spared, once another has brought them; guess."""
redraw_ms: Final = 10_000
"""Shortest time between two draws of the link that is kept by lot; guess."""
copies_known_max: Final = 8_192
"""Objects that came lately, of which a copy is told without being read; about 1 MB; guess."""
arrivals_watched_max: Final = 4_096
"""Accepted objects watched for who else shows them; guess."""
arrivals_weighed_max: Final = 64
"""Of them weighed in one turn; guess."""
arrival_window_ms: Final = 1_000
"""How long an accepted object is watched; guess."""
unserved_ms: Final = 30_000
"""When nobody serves what was asked for so long, a link every 10 s is given up for another."""
recent_ids_ms: Final = 60_000
"""How long an object is news for quiet links."""
recent_ids_max: Final = 65_536
"""Names kept for that; guess."""
batch_ms_min: Final = 5
"""Names wait at least this long for company ..."""
batch_ms_max: Final = 20
"""... and at most this long."""
quiet_beats: Final = 8
"""With one of so many heartbeats some quiet links hear the news ..."""
quiet_part: Final = 16
"""... one in so many of them, and at least one."""
heartbeat_idle_ms: Final = 10_000
"""Period of heartbeats when nothing goes on."""
pull_wait_ms_min: Final = 150
"""A named object is waited for at least this long before it is asked for ..."""
pull_wait_ms_max: Final = 500
"""... and at most this long; guess."""
pull_quiet_ms: Final = 50
"""... or this long, where a link that was asked to be quiet names it (record 0029)."""
pull_late_ms_max: Final = 2_000
"""A peer that serves nothing for this long at most is passed over for the next; guess."""
rtt_unknown_ms: Final = 200
"""What a round trip is taken to be before it is measured; guess."""

# --- stem (network 7) -------------------------------------------------------------------------
stem_successors: Final = 2
"""Peers that get what travels by stem."""
stem_epoch_ms: Final = 10 * 60_000
"""How long successors and routes stay."""
stem_epoch_jitter_ms: Final = 30_000
"""By how much an epoch is longer at most, so that nodes do not change together."""
stem_fluff_tenths: Final = 2
"""Of ten objects that come by stem, how many end it here ..."""
stem_fluff_tenths_careful: Final = 1
"""... and how many at a careful node."""
stem_embargo_permille: Final = 4_746
"""-1000 / (2 ln(1 - e)), e = 0.1: of ten stems at most one is cut short by an embargo."""
stem_hop_ms: Final = 150
"""A hop's delay while no round trip is measured; guess."""
stem_hop_ms_min: Final = 20
"""Least delay believed of a hop; guess."""
stem_hop_ms_max: Final = 2_000
"""Most delay believed of a hop; guess."""
stem_pause_ms_main: Final = 360_000
"""One object of a peer by stem in this time on `main`: 10 an hour ..."""
stem_pause_ms: Final = 1_000
"""... and on other networks; guess."""
stem_burst_main: Final = 5
"""Objects of a peer by stem at once on `main`."""
stem_burst: Final = 300
"""Objects of a peer by stem at once on other networks; guess."""
stem_kept_max: Final = 1_024
"""Objects of others on their way by stem; guess."""
stem_kept_bytes_max: Final = 4 * 1024 * 1024
"""Their bytes; guess."""
stem_edge_max: Final = 320
"""Of one peer; guess, above every burst."""
stem_spent_max: Final = 4_096
"""Peers that left, remembered with what they spent of their budget; guess."""
stem_edge_bytes_max: Final = 1024 * 1024
"""Bytes of one peer; guess."""
stem_own_max: Final = 256
"""Objects of our own on their way by stem; one more is published at once; guess."""

# --- quota of the store (network 4) ----------------------------------------------------------
quota_first_percent: Final = 80
"""Part of the store from which the longest life that is sure of a place is a half ..."""
quota_second_percent: Final = 90
"""... and from which it is a quarter; guess."""
shrink_together_max: Final = 1_000
"""Objects let go with one sweep when the store was made smaller; guess."""

# --- budgets of a link (network 4) -----------------------------------------------------------
news_per_s: Final = 8
"""New objects one link may bring a second, for ever; guess."""
news_burst: Final = 600
"""And at once, after a rest; guess."""
news_young_per_s: Final = 1
"""The same of a link under an hour old, in `net=main`; guess."""
news_young_burst: Final = 60
"""And at once, after a rest; guess."""
news_young_start: Final = 10
"""What such a link begins with: or who comes again and again begins again and again; guess."""
news_lasting_factor: Final = 4
"""A link that has lasted a day may bring so many times as much; guess."""
news_starts_per_group: Final = 4
"""New links of one address group that begin with room at once, whoever they are; guess."""
news_starts_kept_max: Final = 4_096
"""Keys and address groups whose new links are remembered; guess."""
news_links: Final = 8
"""With fewer links than this, each may bring the share of those that are missing; guess."""
over_budget_ms: Final = 1_000
"""Pushing beyond the budget is charged once in this time."""
pull_bytes_per_s: Final = 256 * 1024
"""Bytes a second asked of one link, of what a comparison found."""
pull_bytes_burst: Final = 1024 * 1024
"""And at once, after a rest; guess."""
object_bytes_usual: Final = 1_024
"""What an object is reckoned to weigh before it is there; guess."""
messages_per_s: Final = 100
"""Messages a second read from one connection, for ever."""
messages_burst: Final = 500
"""And at once, after a rest."""
link_bytes_per_s: Final = 5 * 1024 * 1024
"""Bytes a second read from one connection, for ever."""
link_bytes_burst: Final = 10 * 1024 * 1024
"""And at once, after a rest; guess."""

# --- tunnels (network 7) ----------------------------------------------------------------------
tunnels_link_max: Final = 64
"""Tunnels a peer may have on one link; guess."""
tunnels_max: Final = 512
"""Tunnels a node carries, or has an end of, on all its links; guess."""
tunnel_opens_s: Final = 1
"""Tunnels a second a peer may ask for in the long run; at once as many as it may have; guess."""
tunnel_bytes_s: Final = 64 * 1024
"""Bytes a second either end may send through a tunnel, in the long run; guess."""
tunnel_burst_bytes: Final = 256 * 1024
"""Bytes either end may send at once; guess."""
tunnel_slack_bytes: Final = 1024 * 1024
"""Bytes a carrier takes at once: what a line held back comes in one heap; guess."""
tunnel_waiting_bytes_max: Final = 1024 * 1024
"""Bytes that came through a tunnel and are not read yet; guess."""
tunnel_idle_ms_max: Final = 180_000
"""Silence after which a tunnel is over; longer than the silence of a link that lives."""
tunnel_open_ms_max: Final = 8_000
"""How long the far end may take to be found; guess."""
lookup_vain_ms: Final = 5_000
"""How long a far end that was not found is not looked for again; guess."""
lookups_vain_max: Final = 1_024
"""Far ends remembered as not found; guess."""
lookup_addresses_max: Final = 16
"""Addresses of one node that are dialled because peers, once asked, name them; guess."""
lookup_peers_max: Final = 3
"""Peers asked where a far end is; guess."""

# --- reconciliation (network 5) --------------------------------------------------------------
ranges_per_message_max: Final = 2_048
"""Ranges in one round, whatever their size; guess."""
ranges_split: Final = 16
"""Parts a range is cut into when it differs."""
ranges_names_below: Final = 32
"""A range with fewer names is told by naming them."""
ranges_rounds_max: Final = 8
"""Rounds of a comparison before it pauses."""
ranges_waiting_max: Final = 1_024
"""Ranges one comparison keeps in mind that are still to be asked; guess."""
ranges_answer_rtts: Final = 20
"""Round trips the answer to a round may take; guess."""
ranges_answer_ms_min: Final = 4_000
"""Shortest wait for the answer to a round; guess."""
ranges_answer_ms_max: Final = 20_000
"""Longest wait for the answer to a round; guess."""
ranges_pause_ms: Final = 2_000
"""Pause of a comparison between two stretches; guess."""
ranges_idle_max: Final = 2
"""Stretches without progress after which a comparison ends; guess."""
ranges_work_max: Final = 64 * 1024 * 1024
"""Work one peer may cause at once: bytes hashed, 8 KiB a range, 128 for a byte said; guess."""
ranges_work_per_s: Final = 32 * 1024 * 1024
"""Work one peer may cause a second: 50 to 90 ms, or 256 KiB said; guess."""
ranges_work_all_max: Final = 256 * 1024 * 1024
"""Work all who dialled us may cause at once, and as much all we dialled; guess."""
ranges_work_all_per_s: Final = 96 * 1024 * 1024
"""Work all of these may cause a second: a sixth to a quarter of one core; guess."""
comparisons_open_max: Final = 3
"""Comparisons under way at once; the others wait their turn; guess."""
comparison_backlog_max: Final = 4_096
"""Ids a peer has yet to serve at which a comparison with it pauses; guess."""
comparison_turn_ms: Final = 4_000
"""Silence of a peer that asked before it is asked in turn: longer than its pauses; guess."""
comparison_again_ms: Final = 60_000
"""Shortest time between two comparisons with one peer that its questions give rise to; guess."""
comparison_gap_ms: Final = 30_000
"""Time missing between two heartbeats after which the machine is held to have slept; guess."""
revokes_waiting_max: Final = 8
"""Revokes of one target nobody here knows: one is true, strangers make any number; guess."""
revokes_freed_at_once: Final = 256
"""Revokes turned away that are let go at once when their target has come; guess."""
views_max: Final = 128
"""Interests a node keeps an order of their own for; the longest unasked goes."""
view_names_max: Final = 2_000_000
"""Names in all these orders together, 24 bytes each; guess."""
view_slice_max: Final = 2_048
"""Looks at objects at once while the order of an interest is made: 2 to 4 ms; guess."""
view_dear_price: Final = 24
"""Looks that one costs which holds a circle against places; guess."""
view_look_work: Final = 1_024
"""What a look is charged to who asks under a new interest, in bytes hashed; guess."""
view_pause_ms: Final = 10
"""Time between two slices; guess."""
interest_burst: Final = 4
"""Changes of its interest a link may make at once; guess."""
interest_pause_ms: Final = 60_000
"""And one in this time after that; guess."""
view_idle_ms: Final = 2 * 3_600_000
"""An order nobody asked about for so long is let go; guess."""
