package eventstoretest

import "openpayment/eventstore"

var longLogCases = []testCase{
	{"a log longer than a page is read whole, and from anywhere", 0, func(r *rig) {
		longLog(r, 1000, 1000, 500)
	}},
	{"a log of many buckets with overshoots is read whole, and from anywhere", 1000, func(r *rig) {
		longLog(r, 700, 1000, 1, 998, 1, 1000)
	}},
	{"a log of small batches is read across many buckets", 5, func(r *rig) {
		b := r.open()
		var all []eventstore.Event
		for range 8 {
			all = append(all, r.write(b, 1, 2, 3, 4, 5)...)
		}
		r.wantLog(b, all)
		for after := 0; after < len(all); after += 7 {
			r.wantRead(b, eventstore.Position(after), 0, all[after:])
			r.wantRead(b, eventstore.Position(after), 20, all[after:min(after+20, len(all))])
		}
	}},
}

// longLog reads around every place where a page of 100, 500, 1,000 or 2,000
// rows, or a bucket of 1,000, would end.
func longLog(r *rig, batches ...int) {
	b := r.open()
	all := r.write(b, batches...)
	r.wantLog(b, all)
	for _, edge := range []int{100, 500, 700, 1000, 1700, 2000, 2500, len(all)} {
		for after := max(0, edge-1); after <= min(edge+1, len(all)); after++ {
			r.wantRead(b, eventstore.Position(after), 2, all[after:min(after+2, len(all))])
		}
		if edge > len(all) {
			continue
		}
		r.wantRead(b, 0, edge, all[:edge])
		r.wantRead(b, eventstore.Position(edge), 0, all[edge:])
		r.wantRead(b, 1, edge, all[1:min(edge+1, len(all))])
	}
	n := 0
	for ev, err := range b.Read(r.Context(), 3, 0) {
		if err != nil {
			r.Fatal(err)
		}
		if err := diff(ev, all[3+n]); err != nil {
			r.Fatal(err)
		}
		if n++; n == 1200 {
			break
		}
	}
	all = append(all, r.write(b, 3)...)
	r.wantRead(b, eventstore.Position(len(all)-5), 0, all[len(all)-5:])
}
