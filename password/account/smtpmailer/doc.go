// Package smtpmailer sends the mail of package account through a mail server, with
// nothing but the standard library.
//
//	mailer, err := smtpmailer.New("smtp.example.com:587", "Example Shop <no-reply@example.com>", smtpmailer.Config{
//		Username: "no-reply@example.com",
//		Password: password,
//	})
//	...
//	outbox, err := account.NewOutbox(mailer, account.OutboxConfig{})
//
// # What it protects from
//
// Reading on the way: the connection is encrypted before a password or a message
// is sent, and the certificate checked. A server, or somebody in between, that
// does not offer STARTTLS gets nothing (RFC 3207 §6); what was said before the
// encryption is forgotten. Header injection: an address or a subject with a line
// break, a NUL or another control character is refused, addresses are parsed and
// written anew, and what is not ASCII is encoded. A server that hangs: each
// message ends with its context, or after [Config].Timeout. A server that never
// stops talking: no more than a mebibyte is read. A server that quotes the mail
// in its answer: the text of an [Error] has the code and not the words.
//
// # What it does not
//
// TLS ends at the server that it talks to; what comes after is that server's to
// protect, and a mail is read by whoever reads the mailbox. It signs nothing
// (DKIM): let the server. It tells nothing of mail that bounces later: read the
// mailbox of Config.Envelope.
//
// # Again, or not
//
// A mail server refuses for good with a code of 5xx, and for now with 4xx (RFC
// 5321 §4.2.1). An error about the message itself that will stay, the 5xx of MAIL,
// RCPT and DATA or a message that cannot be written, wraps account.ErrPermanent.
// A refused login or a server that is closed is about this service, not about the
// message, so the Outbox tries again, whatever the code. If the connection is lost
// after the message was sent and before the server has said so, it may arrive
// twice.
package smtpmailer
