package client_test

import (
	"testing"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

func TestEventsOfOtherServicesAreAppendedAllOrNone(t *testing.T) {
	ctx := t.Context()
	n := newNode(t, memory.New())
	wire := &tapped{}
	c := newClient(t, n.url, wire)
	renamed := func(name string) client.NewEvent {
		return client.NewEvent{Type: "customer.renamed", Subject: "customers/1", Data: map[string]string{"name": name}}
	}
	events := must(c.AppendEvents(ctx, client.Append{Events: []client.NewEvent{renamed("Ada & <Co>"), renamed("Grace")}, Precondition: &client.Precondition{Subject: "customers/1"}}))(t)
	wire.same(t, items[client.Event]{events})
	if len(events) != 2 || events[1].Seq != 2 || string(events[0].Data) != `{"name":"Ada & <Co>"}` || events[0].Meta["atomic"] != "1/2" {
		t.Errorf("%+v", events)
	}
	late := client.Append{Events: []client.NewEvent{renamed("Edsger")}, Precondition: &client.Precondition{Subject: "customers/1", Version: 1}}
	if e := refused(t, second(c.AppendEvents(ctx, late)), client.CodeVersionMismatch); e.Expected != 1 || e.Actual != 2 {
		t.Errorf("%+v", e)
	}
	late.Precondition.Version = 2
	if dry := must(c.AppendEvents(ctx, late, client.DryRun()))(t); dry[0].Seq != 3 || dry[0].ID != "" {
		t.Errorf("%+v", dry)
	}
	var r client.Receipt
	unlucky := newClient(t, n.url, oneAfterAnother(lostAnswer, unknown))
	if got := must(unlucky.AppendEvents(ctx, late, client.Into(&r)))(t); got[0].Seq != 3 || !r.Replayed || r.Position != 3 || r.Tries != 3 {
		t.Errorf("%+v, %+v", got, r)
	}
	reserved := client.NewEvent{Type: "funds.deposited", Subject: "accounts/12345678", Data: struct{}{}}
	refused(t, second(c.AppendEvents(ctx, client.Append{Events: []client.NewEvent{reserved}})), client.CodeTypeReserved)
	refused(t, second(c.AppendEvents(ctx, client.Append{})), client.CodeInvalid)
	if err := second(c.AppendEvents(ctx, client.Append{Events: []client.NewEvent{{Data: make(chan int)}}})); err == nil {
		t.Error("what is no JSON is sent")
	}
	if head := must(c.Head(ctx))(t); head != 3 {
		t.Errorf("%d events", head)
	}
}
