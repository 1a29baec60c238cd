package storetest

import "math/rand/v2"

// judge holds the answer to a request with c to what was known when it began.
func (h *history) judge(c *credential, path string, begin, end int64, o outcome) {
	switch o {
	case letIn:
		h.letIn.Add(1)
		if c.deadAt(begin) || c.session.deadAt(begin) {
			h.t.Errorf("%s at %d was let in; the credential was dead at %d, its session at %d", path, begin, c.dead.Load(), c.session.dead.Load())
		}
		return
	case unknown:
		return
	}
	h.refused.Add(1)
	if !c.threatened.Load() && !c.session.threatened.Load() {
		h.t.Errorf("%s at %d was refused, and nobody has ended the session", path, begin)
	}
	// A write is also refused if the credential ended while it ran. It did.
	c.die(end)
}

func (h *history) use(rnd *rand.Rand, c *credential, path string) {
	begin, end, _, o := h.send(rnd, path, c.cookie)
	h.judge(c, path, begin, end, o)
}

func (h *history) signIn(rnd *rand.Rand, u *historyUser, over *credential) {
	cookie := ""
	if over != nil {
		over.threatened.Store(true)
		over.session.threatened.Store(true)
		cookie = over.cookie
	}
	begin, end, res, o := h.send(rnd, "/login?subject="+u.subject, cookie)
	if o != letIn {
		// Its values could not be written: it was revoked before its answer.
		return
	}
	h.signIns.Add(1)
	c := &credential{user: u, session: &historySession{}, cookie: cookieOf(res)}
	_, _, res, o = h.send(rnd, "/read", c.cookie)
	c.session.id, c.session.born = res.Header.Get("Session"), end
	if over != nil {
		over.die(end)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.revoking > 0 || u.revoked > begin || u.haunted {
		c.session.threatened.Store(true)
	} else if o == refused {
		h.t.Error("a sign-in that nobody ended is worth nothing")
	}
	if o != letIn {
		return
	}
	u.sessions = append(u.sessions, c.session)
	u.add(c)
}

func (h *history) elevate(rnd *rand.Rand, c *credential) {
	c.threatened.Store(true)
	begin, end, res, o := h.send(rnd, "/elevate", c.cookie)
	h.judge(c, "/elevate", begin, end, o)
	if o != letIn {
		return
	}
	h.renewals.Add(1)
	c.die(end)
	c.user.mu.Lock()
	defer c.user.mu.Unlock()
	c.user.add(&credential{user: c.user, session: c.session, cookie: cookieOf(res)})
}

func (h *history) signOut(rnd *rand.Rand, c *credential) {
	c.threatened.Store(true)
	c.session.threatened.Store(true)
	if _, end, _, o := h.send(rnd, "/logout", c.cookie); o == letIn {
		c.die(end)
	}
}

func (h *history) revoke(rnd *rand.Rand, c *credential) {
	c.session.threatened.Store(true)
	if _, end, _, o := h.send(rnd, "/revoke?subject="+c.user.subject+"&id="+c.session.id, ""); o == letIn {
		c.session.die(end)
		h.revocations.Add(1)
	}
}

// revokeAll ends all sessions of u, but that of except.
func (h *history) revokeAll(rnd *rand.Rand, u *historyUser, except *credential) {
	u.mu.Lock()
	u.revoking++
	for _, s := range u.sessions {
		if except == nil || s != except.session {
			s.threatened.Store(true)
		}
	}
	old := u.sessions
	u.mu.Unlock()
	var begin, end int64
	var o outcome
	if except == nil {
		begin, end, _, o = h.send(rnd, "/revokeall?subject="+u.subject, "")
	} else {
		begin, end, _, o = h.send(rnd, "/others", except.cookie)
		h.judge(except, "/others", begin, end, o)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revoking--
	u.revoked = h.clock.Add(1)
	u.haunted = u.haunted || o == unknown
	if o != letIn {
		return
	}
	h.revocations.Add(1)
	for _, s := range old {
		if s.born < begin && (except == nil || s != except.session) {
			s.die(end)
		}
	}
}
