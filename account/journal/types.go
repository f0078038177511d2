package journal

import "openpayment/account"

// known is every event type of this service, in every form it was ever stored
// in. A new form of a type takes the place of the newest, which becomes an older
// one and says here how it leads to the new:
//
//	typeOf(TypeClosed,
//		func(d *closedV2) account.Closed { … },
//		func(e account.Closed) closedV2 { … },
//		older(func(d *closedV1) closedV2 { … })),
var known = newCodec(
	typeOf(TypeOpened,
		func(d *openedV1) account.Opened {
			return account.Opened{Number: d.AccountNumber, SortCode: d.SortCode,
				CustomerURLs: d.CustomerURLs, CardURLs: d.CardURLs, Currency: d.Currency}
		},
		func(e account.Opened) openedV1 {
			return openedV1{e.Number, e.SortCode, e.CustomerURLs, e.CardURLs, e.Currency}
		}),
	typeOf(TypeUpdated,
		func(d *updatedV1) account.Updated {
			return account.Updated{Number: d.AccountNumber, SortCode: d.SortCode,
				CustomerURLs: d.CustomerURLs, CardURLs: d.CardURLs}
		},
		func(e account.Updated) updatedV1 {
			return updatedV1{e.Number, e.SortCode, e.CustomerURLs, e.CardURLs}
		}),
	typeOf(TypeClosed,
		func(d *closedV1) account.Closed { return account.Closed{Number: d.AccountNumber} },
		func(e account.Closed) closedV1 { return closedV1{e.Number} }),
	typeOf(TypeDeposited,
		func(d *movedV1) account.Deposited {
			return account.Deposited{Number: d.AccountNumber, Amount: d.Amount, Currency: d.Currency, Reference: string(d.Reference)}
		},
		func(e account.Deposited) movedV1 {
			return movedV1{e.Number, e.Amount, e.Currency, optionalText(e.Reference)}
		}),
	typeOf(TypeWithdrawn,
		func(d *movedV1) account.Withdrawn {
			return account.Withdrawn{Number: d.AccountNumber, Amount: d.Amount, Currency: d.Currency, Reference: string(d.Reference)}
		},
		func(e account.Withdrawn) movedV1 {
			return movedV1{e.Number, e.Amount, e.Currency, optionalText(e.Reference)}
		}),
	typeOf(TypeTransferred,
		func(d *transferredV1) account.Transferred {
			return account.Transferred{From: d.From, To: d.To, Amount: d.Amount, Currency: d.Currency, Reference: string(d.Reference)}
		},
		func(e account.Transferred) transferredV1 {
			return transferredV1{e.From, e.To, e.Amount, e.Currency, optionalText(e.Reference)}
		}),
)
