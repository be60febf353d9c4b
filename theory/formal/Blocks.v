(* N1: what each block of a pre-LN causal transformer can add to the stream (any heads, widths, prompt length, attention weights),
   measured by any seminorm: by |P .| for a final LayerNorm, by |.| without one (N7). *)
From ICL Require Export RayLimit Softmax.
Require Import List.
Import ListNotations.

Definition stream := nat -> vec.                          (* position -> coordinate -> R *)
Record head := { weights : stream -> nat -> vec;          (* attention of query t over keys j <= t: nonnegative, sum 1 *)
                 weights_ok : forall z t, stochastic (S t) (weights z t);
                 VO : mat; vb : vec }.                    (* composite W_O W_V and its bias *)
(* softmax of any scores gives a head (so do hardmax and SSA) *)
Definition softmax_head (score : stream -> nat -> nat -> R) VO vb : head :=
  {| weights := fun z t => softmax (S t) (score z t);
     weights_ok := fun z t => softmax_stochastic (S t) (score z t) (Nat.lt_0_succ t); VO := VO; vb := vb |}.
(* the usual score: (W_Q z_t + b_Q).(W_K z_j + b_K) / sqrt dh *)
Definition qk_score d dh (WQ : mat) bQ (WK : mat) bK : stream -> nat -> nat -> R :=
  fun z t j => dot dh (add (mv d WQ (z t)) bQ) (add (mv d WK (z j)) bK) / sqrt (INR dh).

Section Blocks.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.

Definition att (H : nat) (hd : nat -> head) (z : stream) (t : nat) : vec := fun i =>
  sum H (fun k => sum (S t) (fun j => weights (hd k) z t j * (mv d (VO (hd k)) (z j) i + vb (hd k) i))).
Definition mlp (m : nat) (W1 : mat) (b1 : vec) (act : R -> R) (W2 : mat) (b2 : vec) (x : vec) : vec := fun i =>
  sum m (fun k => act (dot d (W1 k) x + b1 k) * W2 i k) + b2 i.

Inductive block :=
| Attn (g b : vec) (H : nat) (hd : nat -> head)
| Mlp (g b : vec) (m : nat) (W1 : mat) (b1 : vec) (act : R -> R) (W2 : mat) (b2 : vec).

Definition update (B : block) (h : stream) : stream :=
  match B with
  | Attn g b H hd => att H hd (fun t => LNa d eps g b (h t))
  | Mlp g b m W1 b1 act W2 b2 => fun t => mlp m W1 b1 act W2 b2 (LNa d eps g b (h t))
  end.
Fixpoint run (net : list block) (h : stream) : stream :=
  match net with [] => h | B :: net' => run net' (fun t => add (h t) (update B h t)) end.

(* ---------------------------------------------------- in any seminorm *)
Section Seminorm.
Variable nu : vec -> R.
Hypothesis nu_ext : forall u v, (forall i, (i < d)%nat -> u i = v i) -> nu u = nu v.
Hypothesis nu_add : forall u v, nu (add u v) <= nu u + nu v.
Hypothesis nu_scal : forall a u, nu (scal a u) = Rabs a * nu u.
Lemma nu_zero : nu (fun _ => 0) = 0.
Proof. rewrite (nu_ext _ (scal 0 (fun _ => 0))) by (intros; unfold scal; ring). rewrite nu_scal, Rabs_R0. ring. Qed.
Lemma nu_sum m (F : nat -> vec) : nu (fun i => sum m (fun j => F j i)) <= sum m (fun j => nu (F j)).
Proof.
  induction m; simpl; [rewrite nu_zero; lra|]. eapply Rle_trans; [apply (nu_add (fun i => sum m (fun j => F j i)) (F m))|lra].
Qed.

(* attention: the constants leave the average, once for the block. K k bounds the operator VO diag(g) on zero-sum vectors *)
Lemma att_split g b H hd (h : stream) t i : att H hd (fun t => LNa d eps g b (h t)) t i
  = sum H (fun k => sum (S t) (fun j => weights (hd k) (fun t => LNa d eps g b (h t)) t j * mv d (VO (hd k)) (mul g (LN d eps (h j))) i))
    + sum H (fun k => mv d (VO (hd k)) b i + vb (hd k) i).
Proof.
  unfold att. rewrite <- sum_add. apply sum_ext. intros k _. set (p := weights (hd k) (fun t => LNa d eps g b (h t)) t).
  destruct (weights_ok (hd k) (fun t => LNa d eps g b (h t)) t) as [_ Hs]. fold p in Hs.
  rewrite <- (Rmult_1_r (mv d (VO (hd k)) b i + vb (hd k) i)), <- Hs, <- sum_scal, <- sum_add. apply sum_ext. intros j _.
  assert (E : mv d (VO (hd k)) (LNa d eps g b (h j)) i = mv d (VO (hd k)) (mul g (LN d eps (h j))) i + mv d (VO (hd k)) b i).
  { unfold mv, dot. rewrite <- sum_add. apply sum_ext. intros. unfold LNa, mul. ring. }
  rewrite E. ring.
Qed.
Theorem attn_adds g b H hd (K : nat -> R) :
  (forall k z, (k < H)%nat -> sum d z = 0 -> nu (mv d (VO (hd k)) (mul g z)) <= K k * norm d z) ->
  (forall k, (k < H)%nat -> 0 <= K k) ->
  forall h t, nu (update (Attn g b H hd) h t) <= sum H K * sqrt D + nu (fun i => sum H (fun k => mv d (VO (hd k)) b i + vb (hd k) i)).
Proof.
  intros HK HK0 h t. simpl update. set (z := fun t => LNa d eps g b (h t)).
  set (val := fun k j => mv d (VO (hd k)) (mul g (LN d eps (h j)))).
  rewrite (nu_ext _ (add (fun i => sum H (fun k => sum (S t) (fun j => weights (hd k) z t j * val k j i)))
    (fun i => sum H (fun k => mv d (VO (hd k)) b i + vb (hd k) i)))) by (intros; apply att_split).
  eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat_r.
  eapply Rle_trans; [apply (nu_sum H (fun k i => sum (S t) (fun j => weights (hd k) z t j * val k j i)))|].
  rewrite Rmult_comm, <- sum_scal. apply sum_le. intros k Hk. destruct (weights_ok (hd k) z t) as [Hp Hs]. set (p := weights (hd k) z t) in *.
  eapply Rle_trans; [apply (nu_sum (S t) (fun j => scal (p j) (val k j)))|].
  rewrite <- (Rmult_1_r (sqrt D * K k)), <- Hs, <- sum_scal. apply sum_le. intros j Hj.
  rewrite nu_scal, Rabs_right by (apply Rle_ge, Hp; auto). rewrite Rmult_comm. apply Rmult_le_compat_r; [now apply Hp|].
  eapply Rle_trans; [apply HK; auto; apply LN_sum; auto|]. rewrite Rmult_comm.
  apply Rmult_le_compat_r; [now apply HK0|]. now apply LN_norm_le.
Qed.

(* MLP. Unit k sees an interval (L2); on it the activation is lam u + mid within hw, for any slopes lam of our choice.
   K bounds the linear part, E the image of the box |v k| <= hw k *)
Theorem mlp_adds g b m W1 b1 act W2 b2 (lam mid hw : nat -> R) K E :
  (forall k u, (k < m)%nat -> Rabs (u - centre d (W1 k) b (b1 k)) <= ceil d (W1 k) g -> Rabs (act u - lam k * u - mid k) <= hw k) ->
  (forall z, sum d z = 0 -> nu (fun i => sum m (fun k => lam k * dot d (W1 k) (mul g z) * W2 i k)) <= K * norm d z) -> 0 <= K ->
  (forall v, (forall k, (k < m)%nat -> Rabs (v k) <= hw k) -> nu (fun i => sum m (fun k => v k * W2 i k)) <= E) ->
  forall h t, nu (update (Mlp g b m W1 b1 act W2 b2) h t)
    <= K * sqrt D + nu (fun i => sum m (fun k => (mid k + lam k * centre d (W1 k) b (b1 k)) * W2 i k) + b2 i) + E.
Proof.
  intros HA HK HK0 HE h t. simpl update. set (z := LN d eps (h t)). set (c := fun k => centre d (W1 k) b (b1 k)).
  set (u := fun k => dot d (W1 k) (LNa d eps g b (h t)) + b1 k). set (v := fun k => act (u k) - lam k * u k - mid k).
  assert (Eu : forall k, u k = dot d (W1 k) (mul g z) + c k).
  { intros k. unfold u, c, centre, LNa, dot, mul. fold z. rewrite <- Rplus_assoc, (Rplus_comm _ (b1 k)), (Rplus_comm _ (b1 k)), Rplus_assoc, <- sum_add.
    f_equal. apply sum_ext. intros. ring. }
  set (A := fun i => sum m (fun k => lam k * dot d (W1 k) (mul g z) * W2 i k)).
  set (B := fun i => sum m (fun k => (mid k + lam k * c k) * W2 i k) + b2 i). set (F := fun i => sum m (fun k => v k * W2 i k)).
  rewrite (nu_ext _ (add (add A B) F)).
  - eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat.
    + eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat_r. eapply Rle_trans; [apply HK, LN_sum; auto|].
      apply Rmult_le_compat_l; auto. now apply LN_norm_le.
    + apply HE. intros k Hk. apply HA; auto. apply (ceiling d d_pos eps (W1 k) g b (b1 k) (h t)); auto.
  - intros i _. unfold mlp, add, A, B, F.
    rewrite <- Rplus_assoc, (Rplus_comm _ (b2 i)), (Rplus_comm _ (b2 i)), (Rplus_assoc (b2 i)). f_equal.
    rewrite <- !sum_add. apply sum_ext. intros k _. fold (u k). unfold v. rewrite (Eu k). ring.
Qed.
(* the simplest box: |act| <= A k, unit by unit *)
Lemma mlp_adds_box g b m W1 b1 act W2 b2 (A : nat -> R) :
  (forall k u, (k < m)%nat -> Rabs (u - centre d (W1 k) b (b1 k)) <= ceil d (W1 k) g -> Rabs (act u) <= A k) ->
  forall h t, nu (update (Mlp g b m W1 b1 act W2 b2) h t) <= sum m (fun k => A k * nu (fun i => W2 i k)) + nu b2.
Proof.
  intros HA h t. assert (HN : forall u, 0 <= nu u).
  { intros u. pose proof (nu_add u (scal (-1) u)) as H. rewrite nu_scal, Rabs_left in H by lra.
    rewrite (nu_ext (add u (scal (-1) u)) (fun _ => 0)), nu_zero in H by (intros; unfold add, scal; ring). lra. }
  eapply Rle_trans; [apply (mlp_adds g b m W1 b1 act W2 b2 (fun _ => 0) (fun _ => 0) A 0 (sum m (fun k => A k * nu (fun i => W2 i k))))|].
  - intros k u Hk Hu. replace (act u - 0 * u - 0) with (act u) by ring. now apply HA.
  - intros z _. rewrite (nu_ext _ (fun _ => 0)), nu_zero; [lra|]. intros i _.
    rewrite (sum_ext m _ (fun _ => 0)) by (intros; ring). rewrite sum_const. ring.
  - lra.
  - intros v Hv. eapply Rle_trans; [apply (nu_sum m (fun k => scal (v k) (fun i => W2 i k)))|].
    apply sum_le. intros k Hk. rewrite nu_scal. apply Rmult_le_compat_r; auto.
  - rewrite (nu_ext _ b2); [lra|]. intros i _. rewrite (sum_ext m _ (fun _ => 0)) by (intros; ring). rewrite sum_const. ring.
Qed.

(* residual sum *)
Definition adds_at_most (B : block) (K : R) := forall h t, nu (update B h t) <= K.
Theorem run_adds net Ks h t : Forall2 adds_at_most net Ks ->
  nu (add (run net h t) (scal (-1) (h t))) <= fold_right Rplus 0 Ks.
Proof.
  intros F. revert h. induction F as [|B K net Ks HB HF IH]; intros h; simpl.
  - rewrite (nu_ext _ (fun _ => 0)); [rewrite nu_zero; lra|]. intros. unfold add, scal. ring.
  - set (h1 := fun t => add (h t) (update B h t)).
    rewrite (nu_ext _ (add (update B h t) (add (run net h1 t) (scal (-1) (h1 t))))).
    + eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat; [apply HB|apply IH].
    + intros. unfold h1, add, scal. ring.
Qed.
End Seminorm.

(* ---------------------------------------------------- in |P .|: what a final LayerNorm sees *)
Lemma P_ext u v i : (forall i, (i < d)%nat -> u i = v i) -> (i < d)%nat -> P u i = P v i.
Proof. intros H Hi. unfold LayerNorm.P, mean. now rewrite (sum_ext d u v H), H. Qed.
Lemma normP_ext u v : (forall i, (i < d)%nat -> u i = v i) -> norm d (P u) = norm d (P v).
Proof. intros H. apply norm_ext. intros. now apply P_ext. Qed.
Lemma P_add u v i : P (add u v) i = add (P u) (P v) i.
Proof. unfold LayerNorm.P, mean, add. rewrite sum_add. field. lra. Qed.
Lemma P_scal a u i : P (scal a u) i = scal a (P u) i.
Proof. unfold LayerNorm.P, mean, scal. rewrite sum_scal. field. lra. Qed.
Lemma normP_add u v : norm d (P (add u v)) <= norm d (P u) + norm d (P v).
Proof. rewrite (norm_ext d _ _ (fun i _ => P_add u v i)). apply norm_add. Qed.
Lemma normP_scal a u : norm d (P (scal a u)) = Rabs a * norm d (P u).
Proof. rewrite (norm_ext d _ _ (fun i _ => P_scal a u i)). apply norm_scal. Qed.

Definition bounded (B : block) (K : R) := forall h t, norm d (P (update B h t)) <= K.
Definition attn_bounded := attn_adds (fun u => norm d (P u)) normP_ext normP_add normP_scal.
Definition mlp_bounded := mlp_adds (fun u => norm d (P u)) normP_ext normP_add.
Definition mlp_bounded_box := mlp_adds_box (fun u => norm d (P u)) normP_ext normP_add normP_scal.
Definition run_bounded := run_adds (fun u => norm d (P u)) normP_ext normP_add normP_scal.
End Blocks.

(* all that is asked of a block with arbitrary weights: an activation of at most linear growth *)
Definition ok (B : block) := match B with
  | Attn _ _ _ _ => True
  | Mlp _ _ _ _ _ act _ _ => exists a0 a1, 0 <= a1 /\ forall x, Rabs (act x) <= a0 + a1 * Rabs x end.
