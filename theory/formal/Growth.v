(* G1: growth degrees as a derivation system with its soundness. Every LN-free softmax network has degree 1, L layers of linear
   attention have degree 3^L, and that is attained. *)
From ICL Require Export Envelope.
Require Import List FunctionalExtensionality.
Import ListNotations.

Section Rules.
Variable X : Type.
Variable size : X -> R.
Hypothesis size_pos : forall z, 0 <= size z.

(* the meaning: |F z| <= C (1 + |z|)^k *)
Definition degree (F : X -> R) k := exists C, 0 <= C /\ forall z, Rabs (F z) <= C * (1 + size z) ^ k.

(* the rules *)
Inductive grows : (X -> R) -> nat -> Prop :=
| G_bounded F B : (forall z, Rabs (F z) <= B) -> grows F 0                               (* constants, LN, tanh, softmax weights *)
| G_token F : (forall z, Rabs (F z) <= size z) -> grows F 1                              (* one token of the prompt *)
| G_weaken F k l : grows F k -> (k <= l)%nat -> grows F l
| G_add F G k : grows F k -> grows G k -> grows (fun z => F z + G z) k                   (* sum: the maximum *)
| G_mul F G k l : grows F k -> grows G l -> grows (fun z => F z * G z) (k + l)           (* product, gate: the sum *)
| G_comp f C F k l : (forall u, Rabs (f u) <= C * (1 + Rabs u) ^ k) -> grows F l ->
    grows (fun z => f (F z)) (k * l).                                                    (* composition: the product *)

Lemma pow_ge_1 z k : 1 <= (1 + size z) ^ k.
Proof. apply pow_R1_Rle. specialize (size_pos z). lra. Qed.

Theorem grows_sound F k : grows F k -> degree F k.
Proof.
  induction 1 as [F B H|F H|F k l HF [C [C0 IH]] Hk|F G k HF [C [C0 IF]] HG [C' [C0' IG]]
    |F G k l HF [C [C0 IF]] HG [C' [C0' IG]]|f C F k l Hf HF [C' [C0' IH]]].
  - exists (Rabs B). split; [apply Rabs_pos|]. intros z. simpl. rewrite Rmult_1_r. eapply Rle_trans; [apply H|apply Rle_abs].
  - exists 1. split; [lra|]. intros z. specialize (H z). simpl. lra.
  - exists C. split; auto. intros z. eapply Rle_trans; [apply IH|]. apply Rmult_le_compat_l; auto.
    apply Rle_pow; auto. specialize (size_pos z). lra.
  - exists (C + C'). split; [lra|]. intros z. eapply Rle_trans; [apply Rabs_triang|].
    specialize (IF z). specialize (IG z). lra.
  - exists (C * C'). split; [nra|]. intros z. rewrite Rabs_mult, pow_add.
    replace (C * C' * ((1 + size z) ^ k * (1 + size z) ^ l)) with ((C * (1 + size z) ^ k) * (C' * (1 + size z) ^ l)) by ring.
    apply Rmult_le_compat; auto using Rabs_pos.
  - assert (C0 : 0 <= C) by (specialize (Hf 0); rewrite Rabs_R0, Rplus_0_r, pow1 in Hf; pose proof (Rabs_pos (f 0)); lra).
    exists (C * (1 + C') ^ k). split; [apply Rmult_le_pos; auto; apply pow_le; lra|]. intros z.
    eapply Rle_trans; [apply Hf|]. rewrite Rmult_assoc. apply Rmult_le_compat_l; auto.
    rewrite Nat.mul_comm, pow_mult, <- Rpow_mult_distr. apply pow_incr. pose proof (Rabs_pos (F z)). split; [lra|].
    specialize (IH z). pose proof (pow_ge_1 z l). nra.
Qed.

(* ---------------------------------------------------- what a network is made of *)
Lemma grows_const c : grows (fun _ => c) 0.
Proof. apply (G_bounded _ (Rabs c)). intros. lra. Qed.
Lemma grows_const_any c k : grows (fun _ => c) k.
Proof. apply (G_weaken _ 0); [apply grows_const|lia]. Qed.
Lemma grows_scal c F k : grows F k -> grows (fun z => c * F z) k.
Proof. intros. apply (G_mul (fun _ => c) F 0 k); auto. apply grows_const. Qed.
Lemma grows_sum n (F : nat -> X -> R) k : (forall j, (j < n)%nat -> grows (F j) k) -> grows (fun z => sum n (fun j => F j z)) k.
Proof.
  induction n; intros H; [apply (grows_const_any 0 k)|].
  apply (G_add (fun z => sum n (fun j => F j z)) (F n)); [apply IHn; auto|apply H; auto].
Qed.
Lemma grows_dot n (F G : X -> vec) k l : (forall j, (j < n)%nat -> grows (fun z => F z j) k) ->
  (forall j, (j < n)%nat -> grows (fun z => G z j) l) -> grows (fun z => dot n (F z) (G z)) (k + l).
Proof. intros HF HG. apply (grows_sum n (fun j z => F z j * G z j)). intros. apply G_mul; auto. Qed.
Lemma grows_linear n (a : vec) (F : X -> vec) k : (forall j, (j < n)%nat -> grows (fun z => F z j) k) ->
  grows (fun z => dot n a (F z)) k.
Proof. intros H. apply (grows_dot n (fun _ => a) F 0 k); auto. intros. apply grows_const. Qed.

(* attention with weights in [0,1], whatever they depend on (softmax, hardmax, SSA, kernel, sigmoid): the degree of the values *)
Theorem grows_attention n (p : X -> vec) (v : X -> vec) k : (forall z j, (j < n)%nat -> 0 <= p z j <= 1) ->
  (forall j, (j < n)%nat -> grows (fun z => v z j) k) -> grows (fun z => sum n (fun j => p z j * v z j)) k.
Proof.
  intros Hp Hv. apply (grows_sum n (fun j z => p z j * v z j)). intros j Hj. apply (G_mul (fun z => p z j) (fun z => v z j) 0 k); auto.
  apply (G_bounded _ 1). intros z. specialize (Hp z j Hj). apply Rabs_le. lra.
Qed.
(* an activation of at most linear growth keeps the degree *)
Theorem grows_activation act a0 a1 F k : (forall u, Rabs (act u) <= a0 + a1 * Rabs u) -> grows F k -> grows (fun z => act (F z)) k.
Proof.
  intros Ha HF. replace k with (1 * k)%nat by lia. apply (G_comp act (Rabs a0 + Rabs a1)); auto.
  intros u. eapply Rle_trans; [apply Ha|]. pose proof (Rabs_pos u). pose proof (Rle_abs a0). pose proof (Rle_abs a1).
  pose proof (Rabs_pos a0). pose proof (Rabs_pos a1). simpl. nra.
Qed.
(* a bounded activation (tanh, sigmoid) and a coordinate of LayerNorm have degree 0, whatever comes in *)
Theorem grows_LN d eps (h : X -> vec) i : 0 <= eps -> (i < d)%nat -> grows (fun z => LN d eps (h z) i) 0.
Proof. intros He Hi. apply (G_bounded _ (sqrt (INR d - 1))). intros z. apply LN_coord; auto. lia. Qed.
Theorem grows_final_norm d eps w g b b0 (h : X -> vec) : (0 < d)%nat -> 0 <= eps -> grows (fun z => readout d eps w g b b0 (h z)) 0.
Proof.
  intros Hd He. apply (G_bounded _ (Rabs (centre d w b b0) + ceil d w g)). intros z.
  pose proof (ceiling d Hd eps w g b b0 (h z) He). replace (readout d eps w g b b0 (h z))
    with (centre d w b b0 + (readout d eps w g b b0 (h z) - centre d w b b0)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

(* ---------------------------------------------------- no norm, softmax: degree 1 at every depth *)
Section Stack.
Variable d : nat.
Definition of_degree (h : X -> stream) T k := forall t i, (t <= T)%nat -> grows (fun z => h z t i) k.

Lemma weight_01 hd z t j : (j < S t)%nat -> 0 <= weights hd z t j <= 1.
Proof.
  intros Hj. destruct (weights_ok hd z t) as [Hp Hs]. split; [now apply Hp|]. rewrite <- Hs.
  apply (sum_term (S t) (weights hd z t)); auto.
Qed.
Theorem softmax_stack net T h : Forall ok net -> of_degree h T 1 -> of_degree (fun z => grun d net (h z)) T 1.
Proof.
  intros HF. revert h. induction HF as [|B net HB HF IH]; intros h H; auto.
  apply (IH (fun z t => add (h z t) (gupdate d B (h z) t))). intros t i Ht.
  apply (G_add (fun z => h z t i) (fun z => gupdate d B (h z) t i)); [now apply H|].
  destruct B as [g b Hn hd|g b m W1 b1 act W2 b2]; simpl.
  - apply (grows_sum Hn (fun k z => sum (S t) (fun j => weights (hd k) (h z) t j * (mv d (VO (hd k)) (h z j) i + vb (hd k) i)))).
    intros k _. apply (grows_attention (S t) (fun z => weights (hd k) (h z) t) (fun z j => mv d (VO (hd k)) (h z j) i + vb (hd k) i)).
    + intros z j Hj. now apply weight_01.
    + intros j Hj. apply (G_add (fun z => mv d (VO (hd k)) (h z j) i)); [|apply grows_const_any].
      apply (grows_linear d (VO (hd k) i) (fun z => h z j)). intros l _. apply H. lia.
  - destruct HB as [a0 [a1 [_ Ha]]].
    apply (G_add (fun z => sum m (fun k => act (dot d (W1 k) (h z t) + b1 k) * W2 i k))); [|apply grows_const_any].
    apply (grows_sum m (fun k z => act (dot d (W1 k) (h z t) + b1 k) * W2 i k)). intros k _. replace 1%nat with (1 + 0)%nat by lia.
    apply (G_mul (fun z => act (dot d (W1 k) (h z t) + b1 k))); [|apply grows_const].
    apply (grows_activation act a0 a1 (fun z => dot d (W1 k) (h z t) + b1 k)); auto.
    apply (G_add (fun z => dot d (W1 k) (h z t))); [|apply grows_const_any].
    apply (grows_linear d (W1 k) (fun z => h z t)). intros. now apply H.
Qed.

(* ---------------------------------------------------- no norm, unnormalised linear attention: degree 3^L *)
Record linear_head := { WQ : mat; bQ : vec; WK : mat; bK : vec; WV : mat; bV : vec; width : nat }.
Definition linear_attention (a : linear_head) (h : stream) t : vec := fun i =>
  sum (S t) (fun j => dot (width a) (add (mv d (WQ a) (h t)) (bQ a)) (add (mv d (WK a) (h j)) (bK a)) * add (mv d (WV a) (h j)) (bV a) i).
Fixpoint linear_run (net : list linear_head) (h : stream) : stream :=
  match net with [] => h | a :: net' => linear_run net' (fun t => add (h t) (linear_attention a h t)) end.

Lemma grows_affine (A : mat) b (F : X -> vec) k i : (forall j, grows (fun z => F z j) k) -> grows (fun z => add (mv d A (F z)) b i) k.
Proof.
  intros H. apply (G_add (fun z => mv d A (F z) i)); [|apply grows_const_any].
  apply (grows_linear d (A i) F). auto.
Qed.
Theorem linear_stack net T h k : of_degree h T k -> of_degree (fun z => linear_run net (h z)) T (3 ^ length net * k).
Proof.
  revert h k. induction net as [|a net IH]; intros h k H; [simpl; rewrite Nat.add_0_r; auto|].
  replace (3 ^ length (a :: net) * k)%nat with (3 ^ length net * (3 * k))%nat by (simpl; lia).
  apply (IH (fun z t => add (h z t) (linear_attention a (h z) t))). intros t i Ht.
  apply (G_add (fun z => h z t i)); [apply (G_weaken _ k); [now apply H|lia]|].
  apply (grows_sum (S t) (fun j z => dot (width a) (add (mv d (WQ a) (h z t)) (bQ a)) (add (mv d (WK a) (h z j)) (bK a)) * add (mv d (WV a) (h z j)) (bV a) i)).
  intros j Hj. replace (3 * k)%nat with ((k + k) + k)%nat by lia.
  apply (G_mul (fun z => dot (width a) (add (mv d (WQ a) (h z t)) (bQ a)) (add (mv d (WK a) (h z j)) (bK a)))).
  - apply (grows_dot (width a) (fun z => add (mv d (WQ a) (h z t)) (bQ a)) (fun z => add (mv d (WK a) (h z j)) (bK a))).
    + intros l _. apply grows_affine. intros. now apply H.
    + intros l _. apply grows_affine. intros. apply H. lia.
  - apply grows_affine. intros. apply H. lia.
Qed.
End Stack.
End Rules.

(* ---------------------------------------------------- both as statements about a prompt *)
Definition prompt_size T (tok : nat -> R) := sum (S T) (fun s => Rabs (tok s)).
Lemma prompt_size_pos T tok : 0 <= prompt_size T tok.
Proof. apply sum_nonneg. intros. apply Rabs_pos. Qed.
Lemma embed_degree w_in b_in pos T : of_degree (nat -> R) (prompt_size T) (embed w_in b_in pos) T 1.
Proof.
  intros t i Ht. unfold embed, add, scal.
  apply (G_add _ _ (fun tok => tok t * w_in i)); [|apply grows_const_any].
  replace 1%nat with (1 + 0)%nat by lia. apply (G_mul _ _ (fun tok => tok t)); [|apply grows_const].
  apply G_token. intros tok. apply (sum_term (S T) (fun s => Rabs (tok s))); [intros; apply Rabs_pos|lia].
Qed.
Theorem softmax_network_degree d net w_in b_in pos w T : Forall ok net ->
  degree (nat -> R) (prompt_size T) (fun tok => dot d w (grun d net (embed w_in b_in pos tok) T)) 1.
Proof.
  intros H. apply grows_sound; [apply prompt_size_pos|].
  apply (grows_linear _ _ d w (fun tok => grun d net (embed w_in b_in pos tok) T)). intros j _.
  apply (softmax_stack _ (prompt_size T) d net T (embed w_in b_in pos) H); [apply embed_degree|lia].
Qed.
Theorem linear_network_degree d net w_in b_in pos w T :
  degree (nat -> R) (prompt_size T) (fun tok => dot d w (linear_run d net (embed w_in b_in pos tok) T)) (3 ^ length net).
Proof.
  apply grows_sound; [apply prompt_size_pos|].
  apply (grows_linear _ _ d w (fun tok => linear_run d net (embed w_in b_in pos tok) T)). intros j _.
  replace (3 ^ length net)%nat with (3 ^ length net * 1)%nat by lia.
  apply (linear_stack _ (prompt_size T) d net T (embed w_in b_in pos) 1); [apply embed_degree|lia].
Qed.

(* attained: width 1, one token, all weights 1, no bias *)
Definition ones : linear_head :=
  {| WQ := fun _ _ => 1; bQ := fun _ => 0; WK := fun _ _ => 1; bK := fun _ => 0; WV := fun _ _ => 1; bV := fun _ => 0; width := 1 |}.
Lemma ones_power L h : 0 <= h O O -> h O O ^ (3 ^ L) <= linear_run 1 (repeat ones L) h O O.
Proof.
  revert h. induction L; intros h H; [simpl; lra|]. simpl repeat. simpl linear_run.
  set (h' := fun t => add (h t) (linear_attention 1 ones h t)).
  assert (E : h' O O = h O O + h O O * h O O * h O O).
  { unfold h', linear_attention, add, mv, dot. simpl. ring. }
  assert (0 <= h O O * h O O * h O O) by (apply Rmult_le_pos; nra).
  eapply Rle_trans; [|apply IHL; lra]. replace (3 ^ S L)%nat with (3 * 3 ^ L)%nat by (simpl; lia).
  rewrite pow_mult. apply pow_incr. split; [apply pow_le; auto|]. rewrite E. simpl. lra.
Qed.
Theorem linear_degree_attained L k :
  degree (nat -> R) (prompt_size 0) (fun tok => linear_run 1 (repeat ones L) (embed (fun _ => 1) (fun _ => 0) (fun _ _ => 0) tok) O O) k ->
  (3 ^ L <= k)%nat.
Proof.
  intros [C [C0 H]]. destruct (le_lt_dec (3 ^ L) k) as [|Lt]; auto. exfalso.
  set (x := 1 + C * 2 ^ k). assert (P2 : 0 < 2 ^ k) by (apply pow_lt; lra). assert (X1 : 1 <= x) by (unfold x; nra).
  specialize (H (fun _ => x)). set (h := embed (fun _ => 1) (fun _ => 0) (fun _ _ => 0) (fun _ : nat => x)) in *.
  assert (E : h O O = x) by (unfold h, embed, add, scal; ring).
  pose proof (ones_power L h ltac:(lra)) as P. rewrite E in P.
  pose proof (Rle_abs (linear_run 1 (repeat ones L) h O O)).
  assert (SZ : prompt_size 0 (fun _ => x) = x) by (unfold prompt_size; simpl; rewrite Rabs_right; lra).
  rewrite SZ in H. assert (A : x ^ (S k) <= C * (2 * x) ^ k).
  { apply Rle_trans with (x ^ (3 ^ L)); [apply Rle_pow; [auto|lia]|]. apply Rle_trans with (C * (1 + x) ^ k); [lra|].
    apply Rmult_le_compat_l; auto. apply pow_incr. lra. }
  rewrite Rpow_mult_distr in A. simpl in A. assert (0 < x ^ k) by (apply pow_lt; lra).
  assert (x <= C * 2 ^ k) by (apply Rmult_le_reg_r with (x ^ k); lra). unfold x in *. lra.
Qed.
