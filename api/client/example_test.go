package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

// service is a running service with a log in memory, for the examples.
func service() (url string, stop func()) {
	ctx := context.Background()
	s, err := journal.Start(ctx, memory.New().Open(), journal.Config{})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(api.New(api.Config{Service: s}))
	return server.URL, func() {
		server.CloseClientConnections()
		server.Close()
		if err := s.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
}

func Example() {
	ctx := context.Background()
	url, stop := service()
	defer stop()

	c, err := client.New(url, client.ReadYourWrites())
	if err != nil {
		log.Fatal(err)
	}
	for _, number := range []string{"12345678", "23456789"} {
		if _, err := c.OpenAccount(ctx, client.AccountDetails{AccountNumber: number, SortCode: "10-20-30"}); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := c.Deposit(ctx, "12345678", client.Payment{Amount: 1250, Currency: "GBP", Reference: "till 4"}); err != nil {
		log.Fatal(err)
	}
	event, err := c.Transfer(ctx, client.Transfer{From: "12345678", To: "23456789", Amount: 200, Currency: "GBP"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.Seq, event.Type)

	_, err = c.Withdraw(ctx, "23456789", client.Payment{Amount: 201, Currency: "GBP"})
	fmt.Println(client.IsCode(err, client.CodeInsufficientFunds))

	account, err := c.Account(ctx, "12345678")
	fmt.Println(account.Balance, err)
	// Output:
	// 4 funds.transferred
	// true
	// 1050 <nil>
}

func ExampleKey() {
	ctx := context.Background()
	url, stop := service()
	defer stop()
	c, err := client.New(url)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.OpenAccount(ctx, client.AccountDetails{AccountNumber: "12345678", SortCode: "10-20-30"}); err != nil {
		log.Fatal(err)
	}

	// A key of one's own outlives the program: the order's number is in its database
	// before the money moves, and after a crash the same is just done again.
	for range 2 {
		var receipt client.Receipt
		_, err := c.Deposit(ctx, "12345678", client.Payment{Amount: 1250, Currency: "GBP"}, client.Key("order 4711"), client.Into(&receipt))
		if unsure, ok := errors.AsType[*client.UnsureError](err); ok {
			log.Fatal("not known yet: later again with the key ", unsure.Key)
		}
		fmt.Println(receipt.Position, receipt.Replayed)
	}
	// Output:
	// 2 false
	// 2 true
}

func ExampleClient_ExecuteAll() {
	ctx := context.Background()
	url, stop := service()
	defer stop()
	c, err := client.New(url)
	if err != nil {
		log.Fatal(err)
	}

	var b client.Bulk
	b.Open(client.AccountDetails{AccountNumber: "12345678", SortCode: "10-20-30"})
	b.Open(client.AccountDetails{AccountNumber: "23456789", SortCode: "10-20-30"})
	b.Deposit("12345678", client.Payment{Amount: 1000, Currency: "GBP"})
	b.Transfer(client.Transfer{From: "12345678", To: "23456789", Amount: 500, Currency: "GBP"})
	results, err := c.ExecuteAll(ctx, &b) // or nothing of it
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Position, r.Status)
	}
	// Output:
	// 1 201
	// 2 201
	// 3 201
	// 4 201
}

func ExampleClient_Accounts() {
	ctx := context.Background()
	url, stop := service()
	defer stop()
	c, err := client.New(url)
	if err != nil {
		log.Fatal(err)
	}
	for _, number := range []string{"12345678", "23456789", "34567890"} {
		if _, err := c.OpenAccount(ctx, client.AccountDetails{AccountNumber: number, SortCode: "10-20-30"}); err != nil {
			log.Fatal(err)
		}
	}

	for account, err := range c.Accounts(ctx, client.AccountQuery{SortCode: "10-20-30"}, client.Strong()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(account.AccountNumber, account.Status)
	}
	// Output:
	// 12345678 open
	// 23456789 open
	// 34567890 open
}

func ExampleClient_Stream() {
	ctx := context.Background()
	url, stop := service()
	defer stop()
	c, err := client.New(url)
	if err != nil {
		log.Fatal(err)
	}
	for _, number := range []string{"12345678", "23456789"} {
		if _, err := c.OpenAccount(ctx, client.AccountDetails{AccountNumber: number, SortCode: "10-20-30"}); err != nil {
			log.Fatal(err)
		}
	}

	// It would go on for ever, over lost connections and restarts of the service.
	for event, err := range c.Stream(ctx, client.StreamQuery{Type: "account.opened"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Seq, event.Subject)
		if event.Seq == 2 {
			break
		}
	}
	// Output:
	// 1 accounts/12345678
	// 2 accounts/23456789
}
