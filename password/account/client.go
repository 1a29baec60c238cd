package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-sallyport/auth/password/throttle"
)

// A Client is where a request comes from, for limits.
type Client struct {
	// Address is that of the client. The zero Addr is not limited by address.
	Address netip.Addr
	// Pass is the value of the cookie of a known device, or empty.
	Pass string
}

// client reads who has sent r. Without an address there would be no limit, so
// that is an error.
func (s *Service) client(r *http.Request) (Client, error) {
	addr, err := s.cfg.ClientIP(r)
	if err != nil {
		return Client{}, fmt.Errorf("account: ClientIP: %w", err)
	}
	if !addr.IsValid() {
		return Client{}, fmt.Errorf("account: the address of the client cannot be told, set ClientIP: %w", throttle.ErrNoKey)
	}
	return Client{Address: addr, Pass: s.passOf(r)}, nil
}

// allowClient counts a request of an address to a flow.
func (s *Service) allowClient(ctx context.Context, c Client, f Flow) error {
	if !c.Address.IsValid() {
		return nil
	}
	return s.clients.Allow(ctx, string(f)+"\x00"+throttle.AddressKey(c.Address))
}

// allowMail counts mail of a kind that somebody has asked for, under the address or
// mailbox that it goes to, and reports whether it may be sent. It is asked before
// anybody looks whether there is an account.
func (s *Service) allowMail(ctx context.Context, kind MessageKind, to string) (bool, error) {
	err := s.mails.Allow(ctx, string(kind)+"\x00"+to)
	if errors.Is(err, throttle.ErrLocked) {
		s.emit(ctx, EventLimited, "", err)
		return false, nil
	}
	return err == nil, err
}

// mailbox is the address under which mail is limited that anybody can have sent to
// any address: without a tag and without dots before the "@", which many providers
// ignore. Two people whose addresses differ in nothing else share a limit, and
// nothing more.
//
// It is not for resets. They go to accounts alone, so there is no flood to make of
// tags, and whoever asks for one at a tagged address that nobody has would use up
// the limit of an owner who then has no link at all.
func mailbox(canonical string) string {
	local, domain, _ := strings.Cut(canonical, "@")
	if name, _, tagged := strings.Cut(local, "+"); tagged && name != "" {
		local = name
	}
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}
